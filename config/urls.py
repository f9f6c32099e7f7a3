from allauth.account.decorators import secure_admin_login
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.urls import include, path

# Its search looks for user names, which there are none of.
admin.site.unregister(UserSession)
# The admin's own login counts no failed attempts; everybody signs in by one door.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("", include("metering.urls")),
    path("", include("billing.urls")),
    path("", include("frontend.urls")),
]
