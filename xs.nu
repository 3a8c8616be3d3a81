# xs.nu: the event stream store xs as Nushell commands. Load it with: use xs.nu *
#
# $env.XS_ADDR says which store: a directory (./store without it), a socket, :PORT, HOST:PORT or an http(s) URL.
# $env.XS_BIN says which xs binary runs where one is needed; the one in the PATH without it.
#
# A local store is called over its socket by Nushell's own HTTP client: about two milliseconds, and no process. Remote stores,
# and what takes long anyway (import, export), go through the xs binary, which knows about credentials and progress.

# Content up to this size becomes a value, text where it is text. What is larger stays a stream of bytes: nobody reads it
# on a terminal, and a pipe into `save` should not hold it in memory.
const CONTENT_COLLECT_MAX = 64MiB
# sun_path has 104 bytes on macOS, a NUL among them. A longer path goes through the binary, which finds a shorter form.
const SOCKET_PATH_BYTES_MAX = 103
# Nushell's client sends headers up to 128 KiB, and meta is base64 there. Longer meta goes through the binary.
const META_HEADER_BYTES_MAX = 90_000
# The server's own limit, which a command line could not carry there.
const META_BYTES_MAX = 131_072
# Completion looks at so many of the newest frames, and no longer than a person would wait for it.
const COMPLETION_FRAMES_MAX = 5000
const COMPLETION_WAIT = 500ms
# What `peek` calls the input that is taken as it is, and none.
const RAW_TYPES = ["string" "binary" "byte stream"]
const NO_INPUT = ["nothing" "empty"]
const SERVER_START_WAIT = 15sec
const SERVER_STOP_WAIT = 15sec
const POLL_INTERVAL = 5ms
# Where requests on a socket go: an address, for Nushell would look a name up in /etc/hosts each time.
const BASE = "http://127.0.0.1"
# Crockford's base 32, the digits of a ULID.
const ID_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

# Append an event to a topic. What comes through the pipeline is its content.
#
# Text and bytes are stored as they are, streams of bytes while they come. Anything else (a record, a list, a table, a
# number) is stored as JSON. Without input the event has no content, and its hash is null.
@example "text, with meta" { "content" | .append my-topic --meta {type: "text/plain"} }
@example "an event without content, of which the topic keeps the 10 newest" { .append door.opened --ttl last:10 }
@example "a table, stored as JSON" { ls | .append listing }
export def .append [
  topic: string@"complete topic" # such as game.move
  --meta (-m): any # any value that JSON can hold; it comes back with the frame
  --ttl: string # forever (default), ephemeral, time:<ms> or last:<n>
  --with-timestamp # add the frame's time, from its id, as a datetime
]: any -> any {
  as-content | post-frame (local-socket) $topic (meta-json $meta) $ttl $with_timestamp | to-frame $with_timestamp
}

# Read the stream: all frames in order of id, or those that the options ask for.
@example "all frames" { .cat }
@example "the moves of all games after a frame, as they come" { .cat -f -T game.* --after 01M8XS5DBWN8W2CJ3F0J9ZPAZR }
@example "wait for the next frame of a topic" { .cat -f --new -T door.opened | first }
export def .cat [
  --follow (-f) # stay, and stream frames as they are appended; xs.threshold stands between history and these
  --pulse (-p): int # with --follow: an xs.pulse at this interval in milliseconds
  --new (-n) # skip the history; no threshold then
  --tail (-t) # the same as --new
  --after (-a): string # start after this id
  --last-id (-l): string # the same as --after
  --from: string # start at this id
  --limit: int # at most so many frames, of history and live together; then end
  --last: int # the newest so many frames
  --topic (-T): any@"complete topic pattern" # a topic, all below one (a.*), *; or several, as a list or with commas
  --with-timestamp # add the frame's time, from its id, as a datetime
  --detail (-d) # everything that is known of a frame: today the same as --with-timestamp
]: nothing -> any {
  let is_dated = $with_timestamp or $detail
  let options = {
    follow: $follow
    pulse: $pulse
    new: ($new or $tail)
    after: ($after | default $last_id)
    from: $from
    limit: $limit
    last: $last
    topic: (if ($topic | describe) =~ '^list' { $topic | str join "," } else { $topic })
    with-timestamp: $is_dated
  }
  read-frames (local-socket) $options
}

# Print content: text where it is text, binary otherwise. Takes a hash or a frame; one without content gives nothing.
#
# Content above 64 MiB comes as a stream of bytes, for `save` and the like.
@example "the content of the newest frame of a topic" { .head my-topic | .cas }
@example "content by its hash" { .cas sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M= }
export def .cas [
  hash?: any # a hash, or a frame; from the pipeline without it
]: any -> any {
  hash-of $hash | if $in != null { read-content (local-socket) $in }
}

# Store content without a frame, and answer its hash. Content is taken from the pipeline as .append does.
@example "store text" { "content" | .cas-post }
export def .cas-post []: any -> string {
  as-content | post-content (local-socket) | into-text | str trim
}

# The newest frame of a topic; nothing when there is none.
@example "the content of the newest frame" { .head my-topic | .cas }
@example "a topic as a value that changes" { .head config --follow | each {|frame| $frame.meta } }
export def .head [
  topic: string@"complete topic"
  --follow (-f) # that frame, xs.threshold, and then frames as they are appended
  --with-timestamp # add the frame's time, from its id, as a datetime
]: nothing -> any {
  let options = {with-timestamp: $with_timestamp}
  if not $follow {
    read-newest (local-socket) $"/head/($topic | url encode --all)" [head (address) $topic] $options
  } else if $topic =~ '[*,]' {
    fail invalid $"($topic | to json) is not a topic: a head has one topic; .last takes several"
  } else {
    read-frames (local-socket) {follow: true, last: 1, topic: $topic, ...$options}
  }
}

# The newest frame as a record, or the n newest as a table. Without a topic: of all. Nothing when there is none.
@example "the newest frame of all" { .last }
@example "the three newest" { .last 3 }
@example "the five newest moves of all games" { .last game.* 5 }
export def .last [
  topic?: any@"complete topic pattern" # a topic, all below one (a.*), * or a comma list; or only the number
  n?: int # how many; 1 without it
  --follow (-f) # these, xs.threshold, and then frames as they are appended
  --with-timestamp # add the frame's time, from its id, as a datetime
]: nothing -> any {
  let is_count = ($topic | describe) == int
  if $is_count and $n != null { fail invalid $"($topic) is not a topic: it begins with a letter or _" }
  let count = (if $is_count { $topic } else { $n }) | default 1
  let topics = if $is_count or $topic == null { "*" } else { $topic }
  if $count < 1 { fail invalid $"last: ($count) is not a whole number of at least 1" }
  let options = {with-timestamp: $with_timestamp}
  if $follow or $count > 1 {
    read-frames (local-socket) {follow: $follow, last: $count, topic: $topics, ...$options}
  } else {
    read-newest (local-socket) $"/last/($topics | url encode --all)" [last (address) $topics] $options
  }
}

# The frame with this id; an error when there is none.
@example "a frame" { .get 01M8XS5DBWN8W2CJ3F0J9ZPAZR }
export def .get [
  id: string
  --with-timestamp # add the frame's time, from its id, as a datetime
]: nothing -> any {
  let options = {with-timestamp: $with_timestamp}
  check-id $id
  get-frame (local-socket) $"/($id)(query $options)" [get (address) $id] $options | to-frame $with_timestamp
}

# Remove a frame, given by its id or as the frame itself; several from the pipeline. One that is gone already is no error.
@example "remove a frame" { .remove 01M8XS5DBWN8W2CJ3F0J9ZPAZR }
@example "remove all frames of a topic" { .cat -T scratch | .remove }
export def .remove [
  id?: any # an id, or a frame; from the pipeline without it
]: any -> nothing {
  each-id $id {|id|
    check-id $id
    delete-frame (local-socket) $id
  }
}

# The same as .remove.
export alias .rm = .remove

# Import frames with the ids they have: from a directory that .export wrote, or from the pipeline.
#
# The pipeline may hold lines of JSON, or frames as a table. Frames that are there already are passed over.
@example "import a dump with its content" { .import ./dump }
@example "import lines of JSON" { open --raw frames.jsonl | .import }
export def .import [
  dir?: path # a directory that .export wrote; the pipeline without it
]: any -> any {
  if $dir != null { "" | client import (address) ($dir | path expand) } else { as-lines | client import (address) } | from json
}

# Export all frames and their content into a directory that is new or empty.
@example "a dump" { .export ./dump }
export def .export [
  dir: path
]: nothing -> any {
  "" | client export (address) ($dir | path expand) | from json
}

# A new id: a ULID, 26 characters that sort by time.
@example "a new id" { .id }
export def .id []: nothing -> string {
  let digits = $ID_DIGITS | split chars
  # 256 is a multiple of 32, so that each digit is as likely as any other.
  mut random = ""
  for byte in (random binary 16 | chunks 1) { $random += $digits | get (($byte | into int) mod 32) }
  pack-id {ts_ms: ((date now | into int) // 1_000_000), random: $random}
}

# Take an id apart: ts_ms, the milliseconds since 1970 at which it was made, and random, its other 16 characters.
@example "when a frame was made" { .last | .id unpack $in.id | get ts_ms | $in * 1_000_000 | into datetime }
export def ".id unpack" [
  id?: string # from the pipeline without it
]: any -> record<ts_ms: int, random: string> {
  default "" | if $id == null { $in } else { $id } | unpack-id $in
}

# Put an id together from a record of ts_ms and random.
@example "there and back" { .id | .id unpack | .id pack }
export def ".id pack" [
  parts?: record # from the pipeline without it
]: any -> string {
  default {} | if $parts == null { $in } else { $parts } | pack-id $in
}

# Run a closure against a new, empty store, which is gone afterwards, also when the closure fails. Answers what it answers.
@example "try something out" { .tmp-spawn { "hello" | .append greeting; .head greeting | .cas } }
export def .tmp-spawn [
  closure: closure # $env.XS_ADDR is the store while it runs
]: nothing -> any {
  let dir = mktemp --directory --tmpdir xs.XXXXXXXX
  let store = $dir | path join store
  let log = $dir | path join log
  let bin = binary
  let job = job spawn --description $"xs serve ($store)" { try { ^$bin serve $store o+e> $log } catch {} }
  try {
    wait-for-server $store $job $log
    with-env {XS_ADDR: $store} { do $closure }
  } finally {
    stop-job $job
    rm --recursive --force $dir
  }
}

# ---- where the store is ----

def address []: nothing -> string {
  $env.XS_ADDR? | default --empty "./store"
}

def binary []: nothing -> string {
  $env.XS_BIN? | default --empty "xs"
}

# The socket of a local store; null when the binary has to find the store.
def local-socket []: nothing -> any {
  let address = address
  let path = $address | path expand --no-symlink
  let socket = match ($path | path type) {
    "dir" => $"($path)/sock"
    "socket" => $path
    null if $address =~ '^https?://|^[A-Za-z0-9.-]*:[0-9]{1,5}$' => null
    _ => (no-store)
  }
  if $socket != null and ($socket | str length --utf-8-bytes) <= $SOCKET_PATH_BYTES_MAX { $socket }
}

# ---- a local store: HTTP over its socket ----

# Answers may be errors, so that their problem document can be read. What is small or one value is taken whole, as a record
# with its status, which costs less than to ask for the metadata of a response. A stream has only these, and stays a stream;
# it asks for the version first, for a socket without a server, because `try` would collect it.

def get-local [--or-nothing, socket: string, path: string]: nothing -> any {
  try {
    http get --full --raw --allow-errors --unix-socket $socket $"($BASE)($path)"
  } catch {|error| unreached $error } | answer $or_nothing
}

def stream-local [socket: string, path: string]: nothing -> any {
  get-local $socket "/version" | ignore
  http get --raw --allow-errors --unix-socket $socket $"($BASE)($path)" | stream-answer
}

def post-local [socket: string, path: string, headers: record]: any -> any {
  try {
    http post --full --raw --allow-errors --content-type application/octet-stream --headers $headers --unix-socket $socket $"($BASE)($path)"
  } catch {|error| unreached $error } | answer false
}

# An error made inside `catch` would carry the caught one along, with its view into this file. As a value it does not.
def unreached [error: record]: nothing -> record {
  {status: null, unreached: $error.details.code, message: $error.msg}
}

# The body of a good answer; an error that says what the server said otherwise. With `or_nothing` a 404 is no error but
# nothing, as JSON.
def answer [or_nothing: bool]: record -> any {
  let answer = $in
  if $answer.status == null {
    not-reached $answer
  } else if $answer.status < 300 {
    $answer.body
  } else if $answer.status == 404 and $or_nothing {
    "null"
  } else {
    $answer.body | problem $answer.status
  }
}

# The same for a stream, as it comes.
def stream-answer []: any -> any {
  metadata access {|meta| if $meta.http_response.status < 300 { } else { problem $meta.http_response.status } }
}

def not-reached [it: record]: nothing -> error {
  if ($it.unreached =~ 'not_found|connection_refused') { no-store }
  fail unavailable $"the store at (address) did not answer: ($it.message)"
}

def problem [status: int]: any -> error {
  let body = into-text
  let problem = try { $body | from json } catch { {} }
  fail ($problem.code? | default unavailable) ($problem.detail? | default $"the server answered ($status)")
}

def no-store []: nothing -> error {
  let address = address
  let name = $address | str replace --regex '/sock$' ''
  if ($name | path exists) and ($name | path join store.db | path exists) {
    fail unavailable $"no server at ($name); start it with: xs serve ($name)"
  }
  fail unavailable $"no store at ($name); start one with: xs serve ($name)"
}

def fail [code: string, message: string]: any -> error {
  error make --unspanned {msg: $message, code: $"xs::($code)"}
}

# ---- any other store: the xs binary ----

# Runs the binary to its end. Its message becomes the error; exit code 4 (not found) is nothing, as JSON, with --or-nothing.
def client [--or-nothing, ...args: string]: any -> any {
  try {
    ^(binary) ...$args | complete
  } catch {
    {exit_code: 1, stderr: $"cannot run (binary): put xs into the PATH, or name it in $env.XS_BIN"}
  } | client-answer $or_nothing
}

def client-answer [or_nothing: bool]: record -> any {
  let result = $in
  if $result.exit_code == 0 { return $result.stdout }
  if $result.exit_code == 4 and $or_nothing { return "null" }
  let code = match $result.exit_code { 2 => "invalid", 3 => "unavailable", 4 => "not_found", 5 => "conflict", _ => "internal" }
  fail $code ($result.stderr | into-text | str trim | str replace --regex '^xs: ' '')
}

# ---- each call, to a local store or another ----

def post-frame [socket: any, topic: string, meta: any, ttl: any, is_dated: bool]: any -> any {
  if $socket != null and ($meta == null or ($meta | str length --utf-8-bytes) <= $META_HEADER_BYTES_MAX) {
    post-local $socket $"/append/($topic | url encode --all)(append-query $ttl $is_dated)" (meta-header $meta)
  } else {
    client append (address) $topic ...(flags {meta: $meta, ttl: $ttl, with-timestamp: $is_dated})
  }
}

def post-content [socket: any]: any -> any {
  if $socket != null { post-local $socket "/cas" {} } else { client cas-post (address) }
}

def read-content [socket: any, hash: string]: nothing -> any {
  if $socket != null {
    let path = $"/cas/($hash | url encode --all)"
    # No question for the version here: who has a hash has just spoken with the server.
    if not ($socket | path exists) { no-store }
    http get --raw --allow-errors --unix-socket $socket $"($BASE)($path)" | stream-answer | metadata access {|meta|
      if (content-size $socket $path $meta) > $CONTENT_COLLECT_MAX { } else { text-or-binary }
    }
  } else {
    "" | client cas (address) $hash
  }
}

def read-frames [socket: any, options: record]: nothing -> any {
  if $socket != null {
    stream-local $socket $"/(query $options)"
  } else if $options.follow {
    # Nobody sees how a process ended whose output is a stream. So the same is asked first in a way that ends.
    let checked = $options | reject --optional pulse | merge {follow: false, limit: 0}
    "" | client cat (address) ...(flags $checked) | ignore
    ^(binary) cat (address) ...(flags $options)
  } else {
    "" | client cat (address) ...(flags $options)
  } | to-frames $options.with-timestamp
}

def read-newest [socket: any, path: string, args: list<string>, options: record]: nothing -> any {
  if $socket != null {
    get-local --or-nothing $socket $"($path)(query $options)"
  } else {
    "" | client --or-nothing ...$args ...(flags $options)
  } | to-frame $options.with-timestamp
}

def get-frame [socket: any, path: string, args: list<string>, options: record]: nothing -> any {
  if $socket != null { get-local $socket $path } else { "" | client ...$args ...(flags $options) }
}

def delete-frame [socket: any, id: string]: nothing -> nothing {
  if $socket != null {
    try {
      http delete --full --raw --allow-errors --unix-socket $socket $"($BASE)/($id)"
    } catch {|error| unreached $error } | answer false | ignore
  } else {
    "" | client remove (address) $id | ignore
  }
}

# ---- what goes in ----

# The options as a query with its `?`, or empty; the same record as flags of the binary. Null and false are left out.
# (Loops, here and below: Nushell runs a loop's body in a tenth of the time that a closure takes, and this is every call.)
def query [options: record]: nothing -> string {
  mut pairs = []
  for it in ($options | transpose name value) {
    if $it.value != null and $it.value != false { $pairs ++= [$"($it.name)=($it.value | into string | url encode --all)"] }
  }
  if ($pairs | is-empty) { "" } else { $"?($pairs | str join '&')" }
}

# Most appends have neither.
def append-query [ttl: any, is_dated: bool]: nothing -> string {
  if $ttl == null and not $is_dated { "" } else { query {ttl: $ttl, with-timestamp: $is_dated} }
}

def flags [options: record]: nothing -> list<string> {
  mut flags = []
  for it in ($options | transpose name value) {
    if $it.value == true {
      $flags ++= [$"--($it.name)"]
    } else if $it.value != null and $it.value != false {
      $flags ++= [$"--($it.name)=($it.value)"]
    }
  }
  $flags
}

# Text and bytes as they are, also as streams; nothing as no bytes; any other value as JSON.
def as-content []: any -> any {
  peek | metadata access {|meta|
    if $meta.peek.type in $RAW_TYPES { } else if $meta.peek.type in $NO_INPUT { "" } else { to json --raw }
  }
}

# Lines of JSON as they are; frames as lines of JSON.
def as-lines []: any -> any {
  peek | metadata access {|meta|
    if $meta.peek.type in $RAW_TYPES {
    } else if $meta.peek.type in $NO_INPUT {
      fail invalid "import needs a directory, or frames from the pipeline"
    } else {
      each { to json --raw } | to text
    }
  }
}

# Meta as JSON text, null without one.
def meta-json [meta: any]: nothing -> any {
  if $meta == null { return null }
  # Most meta is text and whole numbers at most, and its type says so: that it is looked through costs more than a call.
  let may_differ = ($meta | describe) =~ 'binary|duration|float|number|closure|any|table'
  let json = if $may_differ { $meta | as-json-value "meta" } else { $meta } | to json --raw
  let bytes = $json | str length --utf-8-bytes
  if $bytes > $META_BYTES_MAX { fail too_large $"meta has ($bytes) bytes, at most ($META_BYTES_MAX) are allowed; put it into the content" }
  $json
}

def meta-header [meta: any]: nothing -> record {
  if $meta == null { {} } else { {xs-meta: ($meta | encode base64)} }
}

# A value as JSON can hold it: a duration as its text. What would come back as something else is an error that names it.
# (An error out of a closure would be wrapped in Nushell's own: loops again.)
def as-json-value [name: string]: any -> any {
  let value = $in
  match ($value | describe | split row "<" | first) {
    "record" => {
      mut fields = {}
      for it in ($value | transpose key value) {
        $fields = $fields | insert ([{value: $it.key}] | into cell-path) ($it.value | as-json-value $"($name).($it.key)")
      }
      $fields
    }
    "list" | "table" => {
      mut items = []
      for it in ($value | enumerate) { $items ++= [($it.item | as-json-value $"($name).($it.index)")] }
      $items
    }
    "duration" => { $value | into string }
    "float" if ($value - $value != 0) => { fail invalid $"($name) is ($value), and JSON has no such number" }
    "binary" => { fail invalid $"($name) is binary, which JSON cannot hold; encode it as text, or make it the content" }
    "closure" => { fail invalid $"($name) is a closure, which JSON cannot hold" }
    _ => $value
  }
}

def check-id [id: string]: nothing -> nothing {
  if $id !~ '^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$' {
    fail invalid $"($id | to json) is not an id: an id is a ULID, 26 characters such as 01M8XS5DBWN8W2CJ3F0J9ZPAZR"
  }
}

def hash-of [given: any]: any -> any {
  let it = if $given == null { $in } else { $given }
  match ($it | describe | split row "<" | first) {
    "nothing" | "string" => $it
    "record" if "hash" in $it => $it.hash
    _ => (fail invalid "cas takes a hash or one frame, as the argument or from the pipeline")
  }
}

def each-id [given: any, act: closure]: any -> nothing {
  let them = if $given == null { $in } else { $given }
  let list = if ($them | describe) =~ '^(list|table)' { $them } else { [$them] }
  for it in $list {
    let id = match ($it | describe | split row "<" | first) {
      "string" => $it
      "record" if "id" in $it => $it.id
      _ => (fail invalid "remove takes an id or a frame, as the argument or from the pipeline")
    }
    do $act $id
  }
}

# ---- what comes out ----

def to-frame [is_dated: bool]: any -> any {
  from json | if $in != null and $is_dated { update timestamp { into datetime } } else { $in }
}

def to-frames [is_dated: bool]: any -> any {
  if $is_dated { from json --objects | update timestamp { into datetime } } else { from json --objects }
}

# How much comes. A long answer may come without a length, which HEAD has in any case.
def content-size [socket: string, path: string, meta: record]: nothing -> filesize {
  let length = $meta.http_response.headers | length-in
  let length = if $length == null { http head --unix-socket $socket $"($BASE)($path)" | length-in } else { $length }
  $length | default 0 | into int | into filesize
}

def length-in []: table -> any {
  where name == content-length | get 0?.value
}

def text-or-binary []: any -> any {
  let bytes = collect
  let text = $bytes | decode utf-8
  if ($text | encode utf-8) == $bytes { return $text }
  # `decode` takes a byte order mark away and puts a replacement for what is not UTF-8: only the second makes it binary.
  let marked = $"\u{feff}($text)"
  if ($marked | encode utf-8) == $bytes { $marked } else { $bytes }
}

def into-text []: any -> string {
  let it = collect
  match ($it | describe) {
    "binary" => { $it | decode utf-8 }
    "nothing" => ""
    _ => { $it | into string }
  }
}

# ---- ids ----

def unpack-id [id: string]: nothing -> record<ts_ms: int, random: string> {
  check-id $id
  let upper = $id | str uppercase
  mut ts_ms = 0
  for char in ($upper | str substring 0..9 | split chars) { $ts_ms = $ts_ms * 32 + ($ID_DIGITS | str index-of $char) }
  {ts_ms: $ts_ms, random: ($upper | str substring 10..)}
}

def pack-id [parts: record]: nothing -> string {
  let ts_ms = $parts.ts_ms?
  if ($ts_ms | describe) != int or $ts_ms < 0 or $ts_ms >= 2 ** 48 {
    fail invalid $"ts_ms: ($ts_ms | to json) is not a time: whole milliseconds since 1970, below 2^48"
  }
  if ($parts.random? | describe) != string or $parts.random !~ '^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{16}$' {
    fail invalid $"random: ($parts.random? | to json) is not the random part of an id: 16 characters of Crockford's base 32"
  }
  let digits = $ID_DIGITS | split chars
  mut rest = $ts_ms
  mut id = $parts.random | str uppercase
  for _ in 1..10 {
    $id = ($digits | get ($rest mod 32)) + $id
    $rest = $rest // 32
  }
  $id
}

# ---- a server for a while ----

def wait-for-server [store: string, job: int, log: string]: nothing -> nothing {
  let socket = $store | path join sock
  let deadline = (date now) + $SERVER_START_WAIT
  loop {
    if ($socket | path exists) and (try { get-local $socket "/version"; true } catch { false }) { return }
    if (job list | where id == $job | is-empty) { fail unavailable $"the server ended: (open --raw $log | str trim)" }
    if (date now) > $deadline { fail unavailable $"no server at ($store) within ($SERVER_START_WAIT)" }
    sleep $POLL_INTERVAL
  }
}

# Ends the server in order, and with force when it does not end.
def stop-job [job: int]: nothing -> nothing {
  let deadline = (date now) + $SERVER_STOP_WAIT
  for pid in (job list | where id == $job | get 0?.pids | default []) { try { kill --quiet $pid } }
  while (job list | where id == $job | is-not-empty) and (date now) < $deadline { sleep $POLL_INTERVAL }
  if (job list | where id == $job | is-not-empty) { job kill $job }
}

# ---- completion ----

# The topics of the newest frames. Quiet without a server: a completion must not disturb who types.
def recent-topics []: nothing -> list<string> {
  try {
    http get --raw --max-time $COMPLETION_WAIT --unix-socket (local-socket) $"($BASE)/?last=($COMPLETION_FRAMES_MAX)"
    | from json --objects | get topic | uniq | sort
  } catch { [] }
}

def "complete topic" []: nothing -> list<string> {
  recent-topics
}

def "complete topic pattern" []: nothing -> list<string> {
  mut patterns = recent-topics
  for topic in $patterns {
    mut levels = $topic | split row "." | drop
    while ($levels | is-not-empty) {
      $patterns ++= [$"($levels | str join '.').*"]
      $levels = $levels | drop
    }
  }
  $patterns | uniq
}
