"""Tools around the product: certificates, bill of materials, audit, API reference."""
