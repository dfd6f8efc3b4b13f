"""Creators get paid: eligibility, settlements, payouts and statements."""
