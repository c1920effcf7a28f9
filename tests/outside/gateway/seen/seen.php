<?php // Tells what PHP calls the path of a request, and whether it looks like one of the gateway's.
header('Content-Type: application/json');
echo json_encode([
    'paths' => [rawurldecode(explode('?', $_SERVER['REQUEST_URI'])[0]), $_SERVER['SCRIPT_NAME'],
        $_SERVER['PHP_SELF'], $_SERVER['PATH_INFO'] ?? '', $_SERVER['SEEN_URI'] ?? '', $_SERVER['DOCUMENT_URI'] ?? ''],
    'ours' => preg_grep('/^HTTP_(WEBSOCKET|SIGNATURE)/', array_keys($_SERVER)) !== [],
], JSON_INVALID_UTF8_SUBSTITUTE);
