<?php
/*
 * dashboard.php - what the page begins with, and the changes since then.
 *
 *	GET	JSON: the orders, the place in the log that belongs to them, and a token
 */
require __DIR__ . '/../site.php';

// Your site's own: who is logged in, and may see the orders?
$user = 'demo';

// One transaction: what is not in the orders comes by the stream, and nothing twice.
ask('BEGIN');
$orders = ask('SELECT json_object(\'id\', id, \'item\', item, \'euros\', euros, \'status\', status)
    FROM orders ORDER BY id');
$place = ask("SELECT seq FROM sqlite_sequence WHERE name = 'events'")[0][0] ?? 0;
ask('COMMIT');
reply(['place' => (string)$place, 'token' => token('orders', $user),
    'orders' => array_map(fn($row) => json_decode($row[0]), $orders)]);
