//! Documents of which readers keep copies: their tags, and their compressed form.

use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, IF_NONE_MATCH};

use gateway_harness::{Answer, Gateway, gateway};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
/// What browsers send over TLS.
const ANY_CODING: &str = "gzip, deflate, br, zstd";

const DOCUMENTS: &[&str] = &[
    "/",
    "/home.js",
    "/pages.css",
    "/problems",
    "/problems?q=230013&lang=zh",
    "/problems/bot_not_in_chat",
    "/openapi.json",
    "/docs/",
    "/docs/docs.css",
    "/docs/swagger-corrections.js",
    "/docs/swagger-initializer.js",
    "/docs/swagger-zh.js",
    "/console/",
    "/console/main.js",
];
/// The program holds these only compressed.
const COMPRESSED: &[&str] = &["/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"];

async fn read(gateway: &Gateway, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let method = method.parse().expect("a method");
    let request =
        gateway.http.request(method, format!("{}{path}", gateway.api)).header(ACCEPT, BROWSER);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Answer::of(request).await
}

fn tag(answer: &Answer) -> &str {
    let tag = answer.header("etag").unwrap_or_else(|| panic!("a tag: {answer:?}"));
    assert!(tag.starts_with('"') && tag.len() >= 32, "a strong tag: {tag}");
    tag
}

fn plain(gzip: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(gzip).read_to_end(&mut plain).expect("gzip");
    plain
}

#[actix_web::test]
async fn a_copy_that_is_current_is_not_sent_again() {
    let gateway = gateway().start().await;
    for path in DOCUMENTS.iter().chain(COMPRESSED) {
        for coding in ["identity", ANY_CODING] {
            let coding = (ACCEPT_ENCODING.as_str(), coding);
            let first = read(&gateway, "GET", path, &[coding]).await;
            assert_eq!(first.status, 200, "{path}");
            assert_eq!(first.header("cache-control"), Some("no-cache"), "{path}");
            let tag = tag(&first);
            for tags in [tag, &format!("W/{tag}"), &format!("\"other\", {tag}"), "*"] {
                for method in ["GET", "HEAD"] {
                    let headers = [coding, (IF_NONE_MATCH.as_str(), tags)];
                    let again = read(&gateway, method, path, &headers).await;
                    assert_eq!((again.status, again.body.len()), (304, 0), "{path} {tags}");
                    assert_eq!(again.header("content-encoding"), None, "{path}");
                    for name in ["etag", "cache-control", "vary", "content-security-policy"] {
                        assert_eq!(again.header(name), first.header(name), "{path} {name}");
                    }
                }
            }
            let headers = [coding, (IF_NONE_MATCH.as_str(), "\"other\"")];
            let changed = read(&gateway, "GET", path, &headers).await;
            assert_eq!((changed.status, &changed.body), (200, &first.body), "{path}");
        }
    }
}

#[actix_web::test]
async fn the_compressed_form_has_the_same_content_and_another_tag() {
    let gateway = gateway().start().await;
    for path in DOCUMENTS {
        let usual = read(&gateway, "GET", path, &[]).await;
        assert_eq!(usual.header("content-encoding"), None, "{path}");
        let coding = [(ACCEPT_ENCODING.as_str(), ANY_CODING)];
        let gzip = read(&gateway, "GET", path, &coding).await;
        assert_eq!(gzip.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(plain(&gzip.body), usual.body, "{path}");
        assert_ne!(tag(&gzip), tag(&usual), "{path}");
        assert_eq!(gzip.header("content-type"), usual.header("content-type"), "{path}");
        for answer in [&usual, &gzip] {
            let vary = answer.header("vary").expect("what it depends on");
            assert!(vary.split(", ").any(|name| name == "Accept-Encoding"), "{path}: {vary}");
        }
        let head = read(&gateway, "HEAD", path, &coding).await;
        for name in ["etag", "content-encoding", "content-length", "content-type", "vary"] {
            assert_eq!(head.header(name), gzip.header(name), "{path} {name}");
        }
        assert_eq!(head.header("content-length"), Some(&*gzip.body.len().to_string()), "{path}");
        assert!(head.body.is_empty(), "{path}");
    }
}

#[actix_web::test]
async fn gzip_is_for_those_who_prefer_it() {
    let gateway = gateway().start().await;
    for (accepted, expected) in [
        ("gzip", Some("gzip")),
        ("br, gzip;q=0.5", Some("gzip")),
        ("identity;q=0, gzip", Some("gzip")),
        ("", None),
        ("*", None),
        ("br", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("gzip;q=0.5, identity", None),
        ("identity;q=0, br", None),
        ("not a coding", None),
    ] {
        let answer =
            read(&gateway, "GET", "/openapi.json", &[(ACCEPT_ENCODING.as_str(), accepted)]).await;
        assert_eq!(answer.status, 200, "{accepted}");
        assert_eq!(answer.header("content-encoding"), expected, "{accepted}");
    }
}

#[actix_web::test]
async fn what_is_compressed_in_the_program_is_sent_as_it_is() {
    let gateway = gateway().start().await;
    for path in COMPRESSED {
        let gzip = read(&gateway, "GET", path, &[(ACCEPT_ENCODING.as_str(), ANY_CODING)]).await;
        assert_eq!(gzip.header("content-encoding"), Some("gzip"), "{path}");
        let text = String::from_utf8(plain(&gzip.body)).expect("text, compressed once");
        assert!(text.len() > 100_000, "{path}");
    }
}

#[actix_web::test]
async fn each_language_and_each_format_has_a_tag_of_its_own() {
    let gateway = gateway().start().await;
    let path = "/problems/bot_not_in_chat";
    let mut tags = Vec::new();
    for language in ["en", "zh"] {
        for kind in ["text/html", "application/json"] {
            let headers = [(ACCEPT_LANGUAGE.as_str(), language)];
            let request = gateway.http.get(format!("{}{path}", gateway.api)).header(ACCEPT, kind);
            let request = request.header(headers[0].0, headers[0].1);
            tags.push(tag(&Answer::of(request).await).to_owned());
        }
    }
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), 4, "{tags:?}");
}

#[actix_web::test]
async fn answers_of_the_api_and_failures_are_neither_compressed_nor_tagged() {
    let gateway = gateway().start().await;
    let forward = gateway.forward("oc_1").header("accept-encoding", ANY_CODING).send().await;
    forward.message_id();
    let mut answers = vec![forward];
    for path in ["/v1/broadcasts", "/nope", "/docs/none.js", "/console/none.js", "/problems/nope"] {
        let headers = [(ACCEPT_ENCODING.as_str(), ANY_CODING), (IF_NONE_MATCH.as_str(), "*")];
        let answer = read(&gateway, "GET", path, &headers).await;
        assert!(answer.json()["code"].is_string(), "{path} is answered with a problem");
        answers.push(answer);
    }
    for answer in answers {
        for name in ["content-encoding", "etag", "cache-control"] {
            assert_eq!(answer.header(name), None, "{answer:?}");
        }
    }
}
