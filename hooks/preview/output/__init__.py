"""What the preview prints: tables, differences, plans and objects, without data of Secrets."""
