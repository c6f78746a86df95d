# identity FOLDER: makes FOLDER/feishu.pem, the certificate and the key of a Feishu on loopback, and FOLDER/authority.pem, the
# certificate that signed it. Both are valid for a day.
identity() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=authority \
    -keyout "$1/authority.key" -out "$1/authority.pem" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=feishu -keyout "$1/feishu.key" 2>/dev/null |
    openssl x509 -req -days 1 -CA "$1/authority.pem" -CAkey "$1/authority.key" -CAcreateserial \
      -extfile <(echo subjectAltName=IP:127.0.0.1) 2>/dev/null | cat - "$1/feishu.key" >"$1/feishu.pem"
}
