"""The dossiers room: documents in every version, and whose turn it is to sign."""
