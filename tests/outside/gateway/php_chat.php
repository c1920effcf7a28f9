<?php // The chat, with a stand-in for the extension APCu where that is missing: each key is a file.
if (!function_exists('apcu_add')) {
    function apcu_file(string $key): string { return getenv('COUNTING_LOG') . '-' . md5($key); }
    function apcu_add(string $key, mixed $value, int $seconds): bool { return (bool) @fopen(apcu_file($key), 'x'); }
    function apcu_exists(string $key): bool { return file_exists(apcu_file($key)); }
    function apcu_delete(string $key): bool { return unlink(apcu_file($key)); }
}
return require __DIR__ . '/../../../examples/backends/php/chat.php';
