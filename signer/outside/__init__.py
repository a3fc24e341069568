"""Certificates issued elsewhere, above all by the government's authority: whose, and still good?"""
