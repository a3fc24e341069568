"""The inventory room: units with their history, people, roster imports."""
