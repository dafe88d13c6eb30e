"""The operator's port."""

from tailrace.http.admin.port import Admin, Exposition

__all__ = ["Admin", "Exposition"]
