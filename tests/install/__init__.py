"""What is installed: image, registration, rights, alerts, certificates, and what it is built from."""
