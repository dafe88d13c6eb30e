"""The version, as the package was installed."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("tailrace")
except PackageNotFoundError:
    VERSION = "0+unknown"
