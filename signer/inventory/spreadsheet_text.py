"""Text that stays text in every spreadsheet program, whatever somebody typed into it."""

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What Excel, Calc and Sheets take for the beginning of a formula in a text file (OWASP, CSV
injection); the wide ones are taken so where East Asian input is set."""


def spreadsheet_text(text: str) -> str:
    """The text, with an apostrophe before it where a text file would make it a formula.

    For .csv and for text that may be saved as one; a cell of .xlsx says itself that it is text.
    """
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text
