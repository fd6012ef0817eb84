//! `hf:` where something goes wrong on the way.

use bitsweep_proto::Digest;
use bitsweep_sources::SourceError;
use serde_json::json;

use crate::fake_server::{FakeServer, Reply, Request};
use crate::hub::{COMMIT, for_weights, hub};
use crate::setting::{DECIDING, Setting, model_files, names, safetensors};

fn weights() -> Vec<u8> {
    safetensors(&[1.0; 5000])
}

/// The `range` and `if-range` headers of all requests for the weights.
fn ranges(server: &FakeServer) -> Vec<(Option<String>, Option<String>)> {
    let header = |request: &Request, name: &str| request.headers.get(name).cloned();
    let of = |request: &Request| (header(request, "range"), header(request, "if-range"));
    server.asked().iter().filter(|request| for_weights(request)).map(of).collect()
}

fn range(first: usize) -> (Option<String>, Option<String>) {
    (Some(format!("bytes={first}-")), Some("\"tag\"".to_owned()))
}

const WHOLE: (Option<String>, Option<String>) = (None, None);

#[test]
fn a_file_cut_off_half_way_is_resumed() {
    let (server, mut setting) = hub(|request| {
        (for_weights(request) && request.earlier == 0)
            .then(|| Reply::file(request, &weights(), "\"tag\"").cut_after(10_000))
    });
    let model = setting.model(json!("hf:org/m")).unwrap();
    let file = model.files.iter().find(|file| file.name == "model.safetensors").unwrap();
    assert_eq!(file.sha256, Digest::of(&weights()));
    assert_eq!(ranges(&server), [WHOLE, range(10_000)]);
    assert_eq!(setting.told.seconds_waited(), [1]);
}

#[test]
fn a_file_that_changed_meanwhile_begins_anew() {
    let (server, mut setting) = hub(|request| {
        for_weights(request).then(|| match request.earlier {
            0 => Reply::file(request, &safetensors(&[2.0; 5000]), "\"old\"").cut_after(10_000),
            _ => Reply::file(request, &weights(), "\"tag\""),
        })
    });
    let model = setting.model(json!("hf:org/m")).unwrap();
    let file = model.files.iter().find(|file| file.name == "model.safetensors").unwrap();
    assert_eq!(file.sha256, Digest::of(&weights()), "old and new bytes are not mixed");
    assert_eq!(ranges(&server)[1].1.as_deref(), Some("\"old\""));
}

#[test]
fn without_a_strong_tag_or_ranges_it_begins_anew() {
    for tag in ["W/\"weak\"", "\"no ranges\""] {
        let (_server, mut setting) = hub(move |request| {
            for_weights(request).then(|| match request.earlier {
                0 => Reply::ok(weights()).with("etag", tag).cut_after(10_000),
                _ => Reply::ok(weights()).with("etag", tag),
            })
        });
        let model = setting.model(json!("hf:org/m")).unwrap();
        assert_eq!(names(&model.files), DECIDING);
    }
}

#[test]
fn a_range_that_does_not_continue_is_not_appended() {
    let (server, mut setting) = hub(|request| {
        for_weights(request).then(|| match request.earlier {
            0 => Reply::file(request, &weights(), "\"tag\"").cut_after(10_000),
            1 => Reply::new(206).with("content-range", "bytes 0-5/20069").with("etag", "\"tag\""),
            _ => Reply::file(request, &weights(), "\"tag\""),
        })
    });
    assert_eq!(names(&setting.model(json!("hf:org/m")).unwrap().files), DECIDING);
    assert_eq!(ranges(&server), [WHOLE, range(10_000), WHOLE]);
}

#[test]
fn a_file_cut_off_for_ever_is_given_up_and_resumed_by_the_next_run() {
    let (server, mut setting) = hub(|request| {
        let whole = Reply::file(request, &weights(), "\"tag\"");
        (for_weights(request) && request.earlier < 6).then(|| whole.cut_after(100))
    });
    let error = setting.model(json!("hf:org/m")).unwrap_err();
    assert!(error.is_unreachable());
    let message = error.to_string();
    assert!(message.contains("cut off after 600 of 20069 bytes"), "{message}");
    assert!(message.contains("given up after 6 tries without progress"), "{message}");
    assert_eq!(setting.told.seconds_waited(), [1, 2, 4, 8, 16]);
    assert_eq!(setting.left_in_scratch().len(), 2, "the part and its tag");
    setting.model(json!("hf:org/m")).unwrap();
    assert_eq!(ranges(&server)[6], range(600));
    assert!(setting.left_in_scratch().is_empty());
}

#[test]
fn busy_servers_are_asked_again() {
    let (_server, mut setting) = hub(|request| match (for_weights(request), request.earlier) {
        (true, 0) => Some(Reply::new(429).with("retry-after", "7")),
        (true, 1) => Some(Reply::new(503)),
        (true, 2) => Some(Reply::new(500)),
        (false, 0) if request.path.starts_with("/api") => Some(Reply::new(429)),
        _ => None,
    });
    setting.model(json!("hf:org/m")).unwrap();
    assert_eq!(setting.told.seconds_waited(), [1, 7, 2, 4]);
    assert!(setting.told.lines[1].contains("answered 429: too many requests"), "{:?}", setting.told.lines);
}

#[test]
fn a_server_that_stays_busy_is_unreachable() {
    let (_server, mut setting) = hub(|_| Some(Reply::new(503)));
    let error = setting.model(json!("hf:org/m")).unwrap_err();
    assert!(error.is_unreachable() && error.to_string().contains("answered 503"), "{error}");
    assert_eq!(setting.told.waits.len(), 5);

    let (_server, mut setting) = hub(|_| Some(Reply::new(429).with("retry-after", "3600")));
    let error = setting.model(json!("hf:org/m")).unwrap_err().to_string();
    assert!(error.contains("asks to wait 3600 s"), "{error}");
    assert!(setting.told.waits.is_empty());
}

#[test]
fn refusals_say_what_to_do() {
    let message = |status: u16, code: &'static str, token: &str| {
        let (server, mut setting) = hub(move |_| Some(Reply::new(status).with("x-error-code", code)));
        setting.set("HF_TOKEN", token);
        let error = setting.model(json!("hf:org/m")).unwrap_err();
        assert!(!error.is_unreachable());
        error.to_string().replace(&server.url(), "HUB")
    };
    let first = "no source of model \"m\" can be used:\n  hf:org/m: ";
    assert_eq!(
        message(401, "RepoNotFound", ""),
        format!("{first}needs a token: set HF_TOKEN (401; the hub says so of repositories that do not exist, too)")
    );
    assert_eq!(
        message(401, "", "hf_wrong"),
        format!("{first}the hub refused the token (401): check HF_TOKEN, and that its account may read org/m")
    );
    assert_eq!(
        message(403, "GatedRepo", "hf_good"),
        format!(
            "{first}the repository is gated (403): accept its terms at HUB/org/m, then set HF_TOKEN to a token of that \
             account"
        )
    );
    assert_eq!(
        message(404, "RepoNotFound", ""),
        format!(
            "{first}no such repository, or no revision main: HUB/api/models/org/m/revision/main is not there (404)"
        )
    );
}

#[test]
fn a_token_with_strange_signs_is_refused_without_showing_it() {
    let (server, mut setting) = hub(|_| None);
    setting.set("HF_TOKEN", "se cret");
    let message = setting.model(json!("hf:org/m")).unwrap_err().to_string();
    assert!(message.contains("set HF_TOKEN to the token alone") && !message.contains("cret"), "{message}");
    assert!(server.asked().is_empty());
}

#[test]
fn damage_is_found_by_the_checksum_of_the_hub() {
    let (_server, mut setting) = hub(|request| {
        let right = Digest::of(&weights());
        let wrong = Reply::ok(safetensors(&[3.0; 5000])).with("etag", format!("\"{right}\""));
        for_weights(request).then_some(wrong)
    });
    let message = setting.model(json!("hf:org/m")).unwrap_err().to_string();
    let (right, wrong) = (Digest::of(&weights()), Digest::of(&safetensors(&[3.0; 5000])));
    assert_eq!(
        message,
        format!(
            "model \"m\", hf:org/m: model.safetensors came damaged: the hub says sha256 {right}, what came has {wrong}; \
             try again"
        )
    );
    assert!(setting.left_in_scratch().is_empty());
}

#[test]
fn a_length_other_than_announced_is_an_error() {
    let (_server, mut setting) = hub(|request| {
        let target = request.path.replace("/org", "/cdn/org");
        let at_cdn = request.path.starts_with("/cdn").then(|| Reply::ok("short"));
        at_cdn.or_else(|| for_weights(request).then(|| Reply::redirect(target).with("x-linked-size", "20069")))
    });
    let message = setting.model(json!("hf:org/m")).unwrap_err().to_string();
    assert!(message.contains("has 5 bytes, the server announced 20069"), "{message}");
}

#[test]
fn an_address_that_is_too_old_is_asked_for_again() {
    let cdn = FakeServer::start(|request| match request.earlier {
        0 => Reply::new(403),
        _ => Reply::file(request, &weights(), "\"cdn\""),
    });
    let target = format!("{}/blob?signature=x", cdn.url());
    let (_server, mut setting) = hub(move |request| for_weights(request).then(|| Reply::redirect(&target)));
    assert_eq!(names(&setting.model(json!("hf:org/m")).unwrap().files), DECIDING);
    assert!(!setting.told.lines.concat().contains("signature"), "{:?}", setting.told.lines);
}

#[test]
fn strange_answers_are_errors() {
    let message = |reply: Reply| {
        let (_server, mut setting) = hub(move |_| Some(reply.clone()));
        let error = setting.model(json!("hf:org/m")).unwrap_err();
        assert!(matches!(error, SourceError::Broken { .. }), "{error}");
        error.to_string()
    };
    assert!(message(Reply::ok("<html>")).contains("answered something unexpected"));
    assert!(message(Reply::ok("{\"sha\": \"../x\"}")).contains("its sha is not a commit"));
    assert!(message(Reply::redirect("/again")).contains("redirects more than 10 times"));
    assert!(message(Reply::new(302)).contains("redirects to nowhere"));
    assert!(message(Reply::redirect("ftp://x/y")).contains("not an http address"));
    assert!(message(Reply::new(418)).contains("answered 418, expected 200"));
}

#[test]
fn the_next_source_is_tried_when_one_is_absent_or_unreachable() {
    let (_server, mut setting) = hub(|_| Some(Reply::new(404)));
    setting.write_all("models/m", &model_files());
    let sources = json!(["hf:org/m", "file:${UNSET}", "file:nowhere", "file:models/m"]);
    assert_eq!(setting.model(sources).unwrap().source, "file:models/m");
    assert_eq!(setting.told.lines.len(), 3);

    // A port that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    setting.set("HF_ENDPOINT", format!("http://{free}"));
    assert_eq!(setting.model(json!(["hf:org/m", "file:models/m"])).unwrap().source, "file:models/m");
    assert!(setting.told.waits.is_empty());
    let error = setting.model(json!(["hf:org/m", "file:${UNSET}"])).unwrap_err();
    assert!(error.is_unreachable());
    let message = error.to_string();
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines[0], "no source of model \"m\" can be used:");
    assert!(lines[1].starts_with(&format!("  hf:org/m: {free} cannot be reached: ")), "{message}");
    assert_eq!(
        lines[2],
        "  file:${UNSET}: the environment variable UNSET is not set; set it to the folder that is meant"
    );
}

#[test]
fn the_next_source_is_not_tried_when_one_is_broken() {
    let (server, mut setting) = hub(|_| None);
    let mut files = model_files();
    files.retain(|(name, _)| name != "tokenizer.json");
    setting.write_all("models/m", &files);
    let error = setting.model(json!(["file:models/m", "hf:org/m"])).unwrap_err();
    assert!(matches!(error, SourceError::Broken { .. }), "{error}");
    assert!(server.asked().is_empty());
}

#[test]
fn offline_nothing_is_asked() {
    let (server, mut setting) = hub(|_| None);
    setting.options.offline = true;
    let message = setting.model(json!(["hf:org/m", "pypi:m"])).unwrap_err().to_string();
    assert!(message.contains("hf:org/m: offline, and revision main is not in "), "{message}");
    assert!(message.contains("pypi:m: not asked: offline"), "{message}");
    assert!(server.asked().is_empty());
}

#[test]
fn a_locked_revision_fills_a_fresh_store() {
    let (server, mut setting) = hub(|_| None);
    let manifest = crate::setting::manifest(json!({"m": {"source": "hf:org/m"}}), json!({}));
    let lock = setting.resolve(&manifest, None).unwrap();
    let asked = server.asked().len();
    assert_eq!(setting.resolve(&manifest, Some(&lock)).unwrap(), lock);
    assert_eq!(server.asked().len(), asked, "nothing is fetched while the store has all");
    let mut fresh = Setting::new();
    fresh.set("HF_ENDPOINT", server.url());
    assert_eq!(fresh.resolve(&manifest, Some(&lock)).unwrap(), lock);
    assert_eq!(server.asked()[asked].path, format!("/api/models/org/m/revision/{COMMIT}"));
}
