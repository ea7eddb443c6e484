"""What is installed: image, registration, rights, alerts, certificates, and their inputs."""
