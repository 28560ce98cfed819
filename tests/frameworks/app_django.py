"""app_django.py PORT - the application of kit.py, in Django."""

import os
import sys

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import connection, models, transaction
from django.http import HttpResponse
from django.urls import path
from django.utils.html import format_html

WAY = os.environ["LARGESSE_WAY"]
LITE = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {"timeout": 20}}
settings.configure(
    SECRET_KEY="tests", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField", DEBUG=False,
    DATABASES={"default": dict(LITE, NAME=os.environ["DATABASE"]),
               "log": dict(LITE, NAME=os.environ.get("LOG", ":memory:"))},
    LARGESSE={
        "INSERT": {"database": "default"}, "other file": {"database": "log"},
        "POST": {"url": os.environ.get("LARGESSE_URL"),
                 "token": os.environ["LARGESSE_TOKEN"]}}[WAY])
settings.LARGESSE["key_file"] = os.environ["LARGESSE_KEY_FILE"]
django.setup()

from largesse_django import address, publish  # noqa: E402  (it reads settings)


class Order(models.Model):
    item = models.TextField()

    class Meta:
        app_label, db_table, managed = "shop", "orders", False


def save(item, topic="orders", error=None):
    with transaction.atomic():
        Order.objects.create(item=item)
        publish(topic, format_html("<li>{}</li>", item))
        if error:
            raise error
    return HttpResponse()


def order(request):
    return save(request.POST["item"])


def fail(request):
    return save(request.POST["item"], error=RuntimeError("rolled back"))


def refused(_):
    try:
        return save("refused", topic="secret")
    except Exception as e:
        return HttpResponse(str(e), status=500)


def twice(request):
    publish("orders", format_html("<li>{}</li>", request.POST["item"]),
            uid="twice-1")
    return HttpResponse()


urlpatterns = [path("app/", lambda _: HttpResponse(connection.vendor)),
               path("app/address", lambda _: HttpResponse(address(["feed"]))),
               *(path("app/" + view.__name__, view)
                 for view in (order, fail, refused, twice))]
execute_from_command_line([sys.argv[0], "runserver", "--noreload",
                           "127.0.0.1:" + sys.argv[1]])
