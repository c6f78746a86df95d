# What the profiles of the gateway and of the floor, and the comparison over TLS, share; `source` it after e2e/suite.sh.

# identity FOLDER: makes FOLDER/feishu.pem, the certificate and the key of a Feishu on loopback, and FOLDER/authority.pem, the
# certificate that signed it. Both are valid for a day.
identity() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=authority \
    -keyout "$1/authority.key" -out "$1/authority.pem" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=feishu -keyout "$1/feishu.key" 2>/dev/null |
    openssl x509 -req -days 1 -CA "$1/authority.pem" -CAkey "$1/authority.key" -CAcreateserial \
      -extfile <(echo subjectAltName=IP:127.0.0.1,DNS:feishu) 2>/dev/null | cat - "$1/feishu.key" >"$1/feishu.pem"
}

# profiler: sets `tuple`, this machine's target, and `profdata`, an llvm-profdata. LLVM_PROFDATA names one as new as the
# compiler's LLVM, if it is not that of `rustup component add llvm-tools`.
profiler() {
  tuple=$(rustc --print host-tuple)
  profdata=${LLVM_PROFDATA:-$(rustc --print sysroot)/lib/rustlib/$tuple/bin/llvm-profdata}
  command -v "$profdata" >/dev/null ||
    give_up "there is no $profdata: rustup component add llvm-tools, or set LLVM_PROFDATA"
}
