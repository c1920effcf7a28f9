<?php // A chat behind the gateway: php -S 127.0.0.1:8080 -t chat chat/chat.php
$headers = array_change_key_case(getallheaders());
if (!isset($headers['websocket-event'])) return false; // A visitor wants a file: the server sends it.
$body = file_get_contents('php://input');
is_signed($headers, $body, getenv('WEBCONNECTION_SIGNING_KEY')) || refuse(401, 'The signature is missing or wrong.');
if ($headers['websocket-event'] !== 'message') exit;
$id = $headers['websocket-message-id']; // What comes again is answered, and not done again, where APCu keeps ids.
if (function_exists('apcu_add')) apcu_add($id, 1, 600) || !apcu_exists($id) || exit;
register_shutdown_function(fn() => http_response_code() < 400 || function_exists('apcu_delete') && apcu_delete($id));
($in = json_decode($body))->action === 'broadcastchatmessage' || refuse(422, 'The chat knows no such action.');
$out = ['action' => $in->action, 'message' => nl2br(htmlspecialchars($in->message)),
    'groupId' => $in->groupId, 'userId' => $in->userId, 'recipients' => $in->recipients];
$report = file_get_contents($headers['websocket-broadcast-url'], false, stream_context_create(['http' => [
    'method' => 'POST', 'content' => json_encode($out), 'timeout' => 10, 'header' =>
    "Content-Type: application/json\r\nAuthorization: Bearer " . getenv('WEBCONNECTION_BROADCAST_TOKEN')]]));
$report !== false || refuse(500, 'The broadcast failed.');
if (!isset($in->receipt)) exit;
header('Content-Type: application/json'); // A reply, to the sender alone.
echo json_encode(['action' => 'sent', 'message' => (string) json_decode($report)->matched, 'receipt' => $in->receipt]);

function is_signed(array $headers, string $body, string $key): bool {
    [$path, $query] = explode('?', $_SERVER['REQUEST_URI'], 2) + [1 => ''];
    $signed = ['@method' => $_SERVER['REQUEST_METHOD'], '@path' => $path, '@query' => "?$query",
        'content-digest' => 'sha-256=:' . base64_encode(hash('sha256', $body, true)) . ':',
        'content-type' => $headers['content-type'] ?? ''];
    ksort($headers); // Those that are here: one that was added is refused.
    foreach ($headers as $name => $value) if (str_starts_with($name, 'websocket-')) $signed[$name] = trim($value);
    $base = implode(array_map(fn($name) => "\"$name\": $signed[$name]\n", array_keys($signed)));
    $params = preg_quote('("' . implode('" "', array_keys($signed)) . '")')
        . ';created=(\d+);keyid="\w+";alg="hmac-sha256";tag="web-connection"';
    preg_match_all("/(wcs2?)=($params)/", $headers['signature-input'] ?? '', $inputs, PREG_SET_ORDER);
    foreach ($inputs as [, $label, $input, $created]) {
        $mac = base64_encode(hash_hmac('sha256', "$base\"@signature-params\": $input", $key, true));
        preg_match("/\b$label=:([^:]*):/", $headers['signature'] ?? '', $sent);
        if ($key !== '' && abs(time() - $created) <= 300 && hash_equals($mac, $sent[1] ?? '')) return true;
    }
    return false;
}

function refuse(int $status, string $why): never { http_response_code($status); exit($why); }
