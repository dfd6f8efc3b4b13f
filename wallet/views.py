"""tmp"""
from django.http import HttpResponse
def balance(request): return HttpResponse()
packages = checkout = balance
def return_page(request, purchase_id): return HttpResponse()
cancel = return_page
