"""The issuance room: requests, decisions, personal keys and their certificates."""
