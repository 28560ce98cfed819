"""blog.py - WordPress as Debian ships it, on a shared host.

The files are the site user's own, as after an upload.  MariaDB, Apache and PHP
are Debian's; the user has .htaccess and nothing else.  There are an editor, a
subscriber and a post that visitors may answer.
"""

import json
import os
import pathlib
import subprocess

from host import MODULES, PHP, Host
from machine import Machine
from yard import ROOT, until

PAGES = "/home/site/public_html"
SCRIPT = str(pathlib.Path(__file__).parent.parent / "wordpress.mjs")

CONFIG = """<?php
define('DB_NAME', 'blog');
define('DB_USER', 'site');
define('DB_PASSWORD', 'site');
define('DB_HOST', 'localhost');
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $name) {
	define($name . '_KEY', "a key for $name");
	define($name . '_SALT', "a salt for $name");
}
define('WP_HOME', 'http://127.0.0.1:%(port)d');
define('WP_SITEURL', WP_HOME);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('WP_ACCESSIBLE_HOSTS', '127.0.0.1');
define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_DEBUG', true);
define('WP_DEBUG_LOG', '/home/site/debug.log');
define('WP_DEBUG_DISPLAY', false);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) {
	define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
"""

INSTALL = """
function wp_new_blog_notification() {}
define('WP_INSTALLING', true);
require '/home/site/public_html/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('A blog', 'root', 'root@example.org', true, '', 'root');
"""

FILL = """
foreach (['ed' => 'editor', 'sue' => 'subscriber'] as $name => $role) {
	wp_insert_user(['user_login' => $name, 'user_pass' => $name,
		'role' => $role, 'user_email' => "$name@example.org"]);
}
update_option('comment_previously_approved', 1);
update_option('comment_moderation', 0);
update_option('comments_notify', 0);
update_option('moderation_notify', 0);
update_option('permalink_structure', '');
switch_theme('%(theme)s');
echo wp_insert_post(['post_title' => 'The old mill', 'post_status' => 'publish',
	'post_author' => 1, 'comment_status' => 'open', 'post_content' =>
	"<!-- wp:paragraph -->\\n<p>The mill stands by the river.</p>\\n<!-- /wp:paragraph -->"]);
"""


class Blog(Host):
    def __init__(self, php="fpm", overrides="All", modules=MODULES, more="",
                 theme="twentytwentythree"):
        self.php = php
        Machine.__init__(self, "wordpress")
        self.streams = []
        self.user("site")
        self.run(["sh", "-c", "umask 022; mkdir %s && cp -RL "
                  "/usr/share/wordpress/. %s" % (PAGES, PAGES)], user="site")
        self.path(PAGES + "/wp-content/uploads").mkdir()
        self.own(self.path(PAGES + "/wp-content/uploads"), "site", 0o755)
        self.write(PAGES + "/.user.ini", "upload_max_filesize = 16M\n"
                   "post_max_size = 16M\n", "site")
        self.start_php()
        self.start_apache(overrides, modules, PHP[php] + more)
        self.start_mariadb()
        self.write(PAGES + "/wp-config.php", CONFIG % {"port": self.port},
                   "site", 0o600)
        self.php_code(INSTALL)
        # Nobody waits 15 seconds between two comments.
        self.write(PAGES + "/wp-content/mu-plugins/quick.php", "<?php "
                   "add_filter('comment_flood_filter', '__return_false', 99"
                   ");\n", "site")
        self.post = int(self.wp(FILL % {"theme": theme}))
        self.url = "http://127.0.0.1:%d" % self.port

    def start_mariadb(self):
        folder = self.path("/run/mysqld")
        folder.mkdir(exist_ok=True)
        self.own(folder, "mysql", 0o755)
        self.start(["mariadbd", "--user=mysql", "--skip-networking",
                    "--skip-innodb-use-native-aio", "--skip-log-bin",
                    "--innodb-flush-log-at-trx-commit=0"], "mariadb")
        until("MariaDB answers", lambda: self.run(
            ["mariadb", "-e", "SELECT 1"], check=False).returncode == 0)
        self.run(["mariadb", "-e", "CREATE DATABASE blog; CREATE USER "
                  "site@localhost IDENTIFIED BY 'site'; "
                  "GRANT ALL ON blog.* TO site@localhost"])

    # --- WordPress from the inside

    def php_code(self, code):
        return self.run(["php"], user="site", input=(
            "<?php $_SERVER['HTTP_HOST'] = '127.0.0.1:%d';\n%s" % (
                self.port, code))).stdout

    def wp(self, code):
        """Runs PHP inside WordPress, with its plugins."""
        return self.php_code("require '%s/wp-load.php';\n%s" % (PAGES, code))

    def wp_json(self, code):
        return json.loads(self.wp("echo json_encode(%s);" % code))

    def activate(self):
        """As an upload by FTP and a click do it."""
        self.put(ROOT / "build/wordpress/largesse",
                 PAGES + "/wp-content/plugins/largesse", "site")
        self.wp("$_SERVER['DOCUMENT_ROOT'] = '%s'; require ABSPATH . "
                "'wp-admin/includes/plugin.php'; "
                "echo activate_plugin('largesse/largesse.php');" % PAGES)

    def choose(self, name, value):
        """What the settings page saves."""
        self.wp("update_option('largesse', ['%s' => %s] + largesse_options()"
                ");" % (name, json.dumps(value)))

    def state(self):
        return self.wp_json("get_option('largesse_state')")

    def trace(self):
        """All that a plugin may leave: files, tables, and what has its name
        in options, users, posts and cron.  That somebody has deactivated it
        WordPress itself keeps for a week."""
        asked = ["SHOW TABLES"]
        for table, name, value in (("options", "option_name", "option_value"),
                                   ("usermeta", "meta_key", "meta_value"),
                                   ("postmeta", "meta_key", "meta_value")):
            asked.append("SELECT %s FROM wp_%s WHERE CONCAT(%s, %s) LIKE "
                         "'%%largesse%%'" % (name, table, name, value))
        found = set(self.run(["mariadb", "-N", "blog", "-e", "; ".join(asked)]
                             ).stdout.split()) - {"recently_activated"}
        home = self.path("/home/site")
        return found | {str(p.relative_to(home)) for p in home.rglob("*")
                        if p.name != "debug.log" and p.name != "upgrade"}

    def complaints(self):
        """What PHP has to say about the plugin."""
        path = self.path("/home/site/debug.log")
        text = path.read_text() if path.exists() else ""
        return [line for line in text.splitlines() if "largesse" in line]

    # --- a browser

    def browse(self, story, **more):
        """Runs a story of wordpress.mjs."""
        told = json.dumps({"url": self.url, "post": self.post,
                           "zip": str(ROOT / "build/largesse-wordpress.zip"),
                           "shots": os.environ.get("LONG_SHOTS"), **more})
        done = subprocess.run(["node", SCRIPT, story, told], text=True,
                              capture_output=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout or "null")
