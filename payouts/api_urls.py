"""The API of earnings."""

from django.urls import path

from payouts import api, api_payouts

urlpatterns = [
    path("creators/<str:creator>/earnings", api.Earnings.as_view()),
    path("creators/<str:creator>/eligibility", api.Eligibility.as_view()),
    path("creators/<str:creator>/earnings/gifts", api.EarnedGifts.as_view()),
    path("creators/<str:creator>/earnings/days", api.EarnedDays.as_view()),
    path("creators/<str:creator>/payouts/terms", api_payouts.PayoutTerms.as_view()),
    path("creators/<str:creator>/statements", api.Statements.as_view()),
]
