<?php
// login.php - who is it?  login.html has asked.
require __DIR__ . '/../site.php';
session_start(['cookie_httponly' => true, 'cookie_samesite' => 'Lax']);
$hash = ask('SELECT hash FROM users WHERE name = ?', $_POST['name'] ?? '')[0][0] ?? '';
if (!password_verify($_POST['password'] ?? '', $hash))
	exit(header('Location: login.html#again'));
session_regenerate_id(true);
$_SESSION['user'] = $_POST['name'];
header('Location: ./');
