"""Tools around the product: certificates, the list of what it is built from, the audit."""
