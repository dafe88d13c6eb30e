"""The complexity router: the cheapest model that still answers well."""
