<?php // Counts each message that it handles, in a file that outlives it, and replies with its number.
$number = json_decode(file_get_contents('php://input'))->message;
file_put_contents(getenv('COUNTING_LOG'), "$number\n", FILE_APPEND);
header('Content-Type: application/json');
echo json_encode(['action' => 'done', 'message' => $number]);
