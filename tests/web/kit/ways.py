"""ways.py - the ways to serve that deploy/ describes, by name.

A way is a web server, how the responder is started, and the tiers in front.
"""

from hosts import Site

MANY = [("include events.conf;",
         "include events.conf;\n\t\tinclude events-many.conf;")]

WAYS = {
    "nginx": dict(web="nginx"),
    "nginx tcp": dict(web="nginx", how="tcp"),
    "nginx many": dict(web="nginx", edits=MANY),
    "nginx multiwatch": dict(web="nginx", how="multiwatch"),
    "fcgiwrap": dict(web="nginx", how="fcgiwrap"),
    "lighttpd": dict(web="lighttpd"),
    "lighttpd tcp": dict(web="lighttpd", how="tcp"),
    "lighttpd bin-path": dict(web="lighttpd", how="bin-path"),
    "lighttpd cgi": dict(web="lighttpd", how="cgi"),
    "apache": dict(web="apache"),
    "apache fcgid": dict(web="apache", how="fcgid"),
    "apache cgid": dict(web="apache", how="cgid"),
    "nginx, nginx": dict(web="nginx", fronts=["nginx"]),
    "nginx, lighttpd": dict(web="lighttpd", fronts=["nginx"]),
    "nginx, apache": dict(web="apache", fronts=["nginx"]),
    "haproxy, nginx": dict(web="nginx", fronts=["haproxy"]),
    "haproxy, nginx, apache": dict(web="apache", fronts=["nginx", "haproxy"]),
}


def site(way, cut=(), edits=(), **more):
    made = dict(WAYS[way], **more)
    return Site(cut=cut, edits=[*made.pop("edits", ()), *edits], **made)


# The responder is reached through a socket, where a Standin can listen.
BY_SOCKET = [way for way, made in WAYS.items()
             if made.get("how", "socket") == "socket"]
