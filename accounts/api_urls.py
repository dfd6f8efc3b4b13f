"""The API of people."""

urlpatterns = []
