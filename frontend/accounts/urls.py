"""The mailbox of a development machine, and the choice of a language."""

from django.urls import path

from frontend.accounts.views import language, mailbox

urlpatterns = [
    path("language/", language.choose_language, name="choose_language"),
    path("texts/<slug:language>.js", language.texts, name="texts"),
    path("dev/mailbox/", mailbox.mailbox, name="mailbox"),
    path("dev/mailbox/<str:name>/", mailbox.mail, name="mail"),
]
