"""The stand-in for the payment company and the bank: a program of its own, with its own book.

It speaks the part of Stripe's HTTP API that Carat uses, and the API of a small bank, so the demo
and the tests run the real adapters over real HTTP and nothing in Carat knows the difference. It
imports no app of Carat and nothing of ``config`` outside this package. No real money moves here.

Start it with ``python -m config.standin --help``.
"""
