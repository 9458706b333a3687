<?php
// One purchase by posbridge api, with PHP alone:
//
//     php examples/api.php http://127.0.0.1:8480 counter 12.30 EUR [KEY]
//
// TOKEN in the environment has the token, where the service wants one. Status: 0 approved, 1 not charged, 75 not known
// (run it again with the same KEY), 100 the service does not take the request.

declare(strict_types=1);

const ATTEMPTS = 10;

/** The sale when it has ended. The same key is the same sale, so whatever fails on the way is tried again. */
function purchase(string $url, string $terminal, array $order, string $key): array
{
    $headers = ['Content-Type: application/json', "Idempotency-Key: $key", 'Prefer: wait=120', 'Connection: close'];
    if (getenv('TOKEN') !== false) {
        $headers[] = 'Authorization: Bearer ' . getenv('TOKEN');
    }
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => $headers,
        'content' => json_encode($order),
        'timeout' => 150,
        'ignore_errors' => true,
    ]]);
    for ($attempt = 0; $attempt < ATTEMPTS; $attempt++) {
        $http_response_header = [];
        $text = @file_get_contents("$url/v1/terminals/$terminal/purchases", false, $context);
        $status = (int) (explode(' ', $http_response_header[0] ?? '')[1] ?? 0);
        $answer = $text === false ? null : json_decode($text, true);
        if ($status === 200 && is_array($answer)) {
            return $answer;
        }
        // A busy terminal, or too many requests at once, is worth another attempt; a wrong request is not.
        if ($status >= 400 && $status < 500 && $status !== 409 && $status !== 429) {
            fwrite(STDERR, ($answer['detail'] ?? "status $status") . "\n");
            exit(100);
        }
        sleep(1);
    }
    exit(75);
}

[, $url, $terminal, $amount, $currency] = $argv;
$key = $argv[5] ?? 'till-' . bin2hex(random_bytes(16)); // a till stores it before it asks
fwrite(STDERR, "key: $key\n");
$sale = purchase($url, $terminal, ['amount' => $amount, 'currency' => $currency], $key);
echo "{$sale['state']} {$sale['amount']} {$sale['currency']}\n";
foreach ($sale['receipts']['customer'] ?? [] as $line) {
    echo "$line\n";
}
exit($sale['state'] === 'approved' ? 0 : 1);
