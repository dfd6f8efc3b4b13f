"""The API of people."""

from django.urls import path

from accounts import api_reviews

urlpatterns = [
    path("reviews", api_reviews.Reviews.as_view()),
    path("reviews/<int:review_id>", api_reviews.OneReview.as_view()),
    path("reviews/<int:review_id>/appeal", api_reviews.Appeals.as_view()),
]
