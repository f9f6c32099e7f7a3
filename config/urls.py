from allauth.account.decorators import secure_admin_login
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.urls import include, path

from frontend.accounts.views.second_factor import RemovePasskey

# Its search looks for user names, which there are none of.
admin.site.unregister(UserSession)
# The admin's own login counts no failed attempts; everybody signs in by one door.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("admin/", admin.site.urls),
    # Before allauth's own of the same address.
    path("accounts/2fa/webauthn/keys/<int:pk>/remove/", RemovePasskey.as_view()),
    path("accounts/", include("allauth.urls")),
    path("", include("metering.urls")),
    path("", include("billing.urls")),
    path("", include("frontend.urls")),
]
