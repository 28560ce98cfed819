<?php
// login.php - who is it?  login.html has asked.
require __DIR__ . '/../site.php';
session_start(['cookie_httponly' => true, 'cookie_samesite' => 'Lax']);
$hash = ask('SELECT hash FROM users WHERE name = ?', $name = (string)($_POST['name'] ?? ''))[0][0] ?? '';
if (!password_verify((string)($_POST['password'] ?? ''), $hash))
	exit(header('Location: login.html#again'));
session_regenerate_id(true);
$_SESSION['user'] = $name;
header('Location: ./');
