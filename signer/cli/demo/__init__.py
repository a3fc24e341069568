"""The demo city: invented people, requests and dossiers, made through the real services."""
