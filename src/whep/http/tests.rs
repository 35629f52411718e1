//! Every row of the protocol: what is answered at once, what becomes which operation, and what
//! each result of it is answered with.

use super::*;

const SDP_TYPE: (&str, &str) = ("Content-Type", "application/sdp");
const JSON_TYPE: (&str, &str) = ("Content-Type", "application/json");
const FRAGMENT_TYPE: (&str, &str) = ("Content-Type", "application/trickle-ice-sdpfrag");

fn request<'a>(
    method: &'a str,
    path: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a [u8],
) -> HttpRequest<'a> {
    HttpRequest {
        method,
        path,
        headers,
        body,
        peer: Some("192.0.2.9:4711"),
        ..HttpRequest::default()
    }
}

/// As a gateway whose viewers may come from pages of any origin.
fn read(request: &HttpRequest<'_>) -> Step {
    super::read(
        request,
        &Origins::new(&["*".to_owned()]).unwrap(),
        Server::Listener,
    )
}

fn at_once(request: HttpRequest<'_>) -> HttpResponse {
    match read(&request) {
        Step::Respond(answer) => answer,
        Step::Call(_) => panic!("{} {} was taken", request.method, request.path),
    }
}

fn call(request: HttpRequest<'_>) -> Call {
    match read(&request) {
        Step::Call(call) => call,
        Step::Respond(answer) => panic!("{answer:?}"),
    }
}

fn header<'a>(answer: &'a HttpResponse, name: &str) -> Option<&'a str> {
    let found = answer.headers.iter().find(|(n, _)| *n == name);
    found.map(|(_, value)| value.as_str())
}

/// That a failure says what it is, and may be read by a page of any origin.
fn check_problem(answer: &HttpResponse) {
    assert_eq!(
        header(answer, "Content-Type"),
        Some("application/problem+json")
    );
    assert_eq!(header(answer, "Access-Control-Allow-Origin"), Some("*"));
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["status"], answer.status);
    for field in ["type", "title", "detail"] {
        assert!(body[field].as_str().is_some_and(|text| !text.is_empty()));
    }
}

#[test]
fn what_is_refused_at_once() {
    let big = vec![b'v'; MAX_OFFER + 1];
    for (method, path, headers, body, status) in [
        // Paths.
        ("POST", "/", &[SDP_TYPE][..], &b"v=0"[..], 404),
        ("POST", "/door", &[SDP_TYPE], b"v=0", 404),
        ("GET", "/whep", &[], b"", 404),
        ("OPTIONS", "/door", &[], b"", 404),
        ("DELETE", "/door/whep/key/more", &[], b"", 404),
        // Methods of the endpoint.
        ("PUT", "/door/whep", &[], b"", 405),
        ("PATCH", "/door/whep", &[FRAGMENT_TYPE], b"", 405),
        ("DELETE", "/door/whep", &[], b"", 405),
        ("post", "/door/whep", &[SDP_TYPE], b"v=0", 405),
        ("", "/door/whep", &[], b"", 405),
        // Methods of a session.
        ("POST", "/door/whep/key", &[SDP_TYPE], b"v=0", 405),
        ("POST", "/door/whep/key/stream", &[SDP_TYPE], b"v=0", 404),
        ("PUT", "/door/whep/key", &[], b"", 405),
        ("TRACE", "/door/whep/key/", &[], b"", 405),
        // Types.
        ("POST", "/door/whep", &[], b"v=0", 415),
        ("POST", "/door/whep", &[FRAGMENT_TYPE], b"v=0", 415),
        (
            "POST",
            "/door/whep",
            &[("Content-Type", "application/sdpx")],
            b"v=0",
            415,
        ),
        ("POST", "/door/whep", &[("Content-Type", "")], b"v=0", 415),
        ("PATCH", "/door/whep/key", &[], b"a=x", 415),
        ("PATCH", "/door/whep/key", &[JSON_TYPE], b"a=x", 415),
        // Limits.
        (
            "POST",
            "/door/whep?max_bitrate=lots",
            &[SDP_TYPE],
            b"v=0",
            400,
        ),
        // Sizes.
        ("POST", "/door/whep", &[SDP_TYPE], &big, 413),
        ("PATCH", "/door/whep/key", &[FRAGMENT_TYPE], &big, 413),
        ("PATCH", "/door/whep/key", &[SDP_TYPE], &big, 413),
    ] {
        let answer = at_once(request(method, path, headers, body));
        assert_eq!(answer.status, status, "{method} {path}");
        check_problem(&answer);
    }
}

#[test]
fn a_refusal_says_what_would_do() {
    let wrong_method = at_once(request("PUT", "/door/whep", &[], b""));
    assert_eq!(
        header(&wrong_method, "Allow"),
        Some("OPTIONS, GET, HEAD, POST")
    );
    let wrong_method = at_once(request("POST", "/door/whep/key", &[], b""));
    let allowed = Some("OPTIONS, GET, HEAD, PATCH, DELETE");
    assert_eq!(header(&wrong_method, "Allow"), allowed);
    let wrong_type = at_once(request("POST", "/door/whep", &[], b""));
    assert_eq!(header(&wrong_type, "Accept-Post"), Some(SDP));
    let wrong_type = at_once(request("PATCH", "/door/whep/key", &[], b""));
    assert_eq!(header(&wrong_type, "Accept-Patch"), Some(FRAGMENT));
}

#[test]
fn options_says_all_a_browser_asks_and_needs_no_token() {
    for (path, methods) in [
        ("/door/whep", "OPTIONS, GET, HEAD, POST"),
        ("/door/whep/key", "OPTIONS, GET, HEAD, PATCH, DELETE"),
    ] {
        let answer = at_once(request(
            "OPTIONS",
            path,
            &[("Origin", "https://a.example")],
            b"",
        ));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, "");
        for (name, value) in [
            ("Allow", methods),
            ("Accept-Post", SDP),
            ("Accept-Patch", FRAGMENT),
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Allow-Methods", methods),
            (
                "Access-Control-Allow-Headers",
                "Authorization, Content-Type, If-Match, Prefer",
            ),
        ] {
            assert_eq!(header(&answer, name), Some(value), "{path} {name}");
        }
    }
}

#[test]
fn a_page_that_may_watch_may_reach_a_private_network() {
    let wall = Origins::new(&["https://wall.example".to_owned()]).unwrap();
    let allowed = |origins: &Origins, origin: &str, asks: bool| {
        let headers = [
            ("Host", "192.0.2.1"),
            ("Origin", origin),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Private-Network", "true"),
        ];
        let headers = &headers[..3 + usize::from(asks)];
        let preflight = request("OPTIONS", "/door/whep", headers, b"");
        let Step::Respond(answer) = super::read(&preflight, origins, Server::Listener) else {
            panic!("a preflight was taken for a call");
        };
        let name = "Access-Control-Allow-Private-Network";
        (answer.status, header(&answer, name) == Some("true"))
    };
    assert_eq!(allowed(&wall, "https://wall.example", true), (200, true));
    assert_eq!(allowed(&wall, "https://wall.example", false), (200, false));
    assert_eq!(allowed(&wall, "https://evil.example", true), (403, false));
    assert_eq!(allowed(&wall, "http://192.0.2.1", true), (200, false));
    let all = Origins::new(&["*".to_owned()]).unwrap();
    assert_eq!(allowed(&all, "https://any.example", true), (200, true));
}

#[test]
fn an_offer_is_read_however_its_headers_are_written() {
    for headers in [
        [
            ("Content-Type", "application/sdp"),
            ("Authorization", "Bearer t0ken"),
        ],
        [
            ("content-type", "APPLICATION/SDP"),
            ("authorization", "bearer t0ken"),
        ],
        [
            ("CONTENT-TYPE", " application/sdp ; charset=utf-8"),
            ("AUTHORIZATION", "BEARER  t0ken "),
        ],
    ] {
        let call = call(request("POST", "/live/d%6For/whep/?a=b", &headers, b"v=0"));
        assert_eq!(call.operation(), Operation::Watch);
        assert_eq!(call.stream.as_deref(), Some("door"));
        assert_eq!(call.token.as_deref(), Some("t0ken"));
        assert_eq!(call.peer.as_deref(), Some("192.0.2.9:4711"));
        let Action::Offer(posted) = call.action else {
            panic!("not an offer");
        };
        assert_eq!(posted.sdp, b"v=0");
        assert_eq!(posted.location_prefix, "/live/d%6For/whep/");
    }
}

#[test]
fn a_viewer_may_prefer_to_wait_less_and_never_waits_longer() {
    let second = Duration::from_secs(1);
    for (host, prefers, expected) in [
        (None, None, None),
        (None, Some("wait=0"), Some(Duration::ZERO)),
        (None, Some("wait=3"), Some(3 * second)),
        (None, Some("wait=60"), Some(5 * second)),
        (Some(2 * second), Some("wait=60"), Some(2 * second)),
        (Some(2 * second), None, Some(2 * second)),
        (Some(Duration::ZERO), Some("wait=3"), Some(Duration::ZERO)),
    ] {
        let headers = [SDP_TYPE, ("prefer", prefers.unwrap_or_default())];
        let request = HttpRequest {
            timeout: host,
            ..request("POST", "/door/whep", &headers, b"v=0")
        };
        let Action::Offer(posted) = call(request).action else {
            panic!("not an offer");
        };
        assert_eq!(posted.timeout, expected, "{host:?} {prefers:?}");
    }
}

#[test]
fn limits_are_read_from_any_url() {
    let own = Some(HttpTarget::Stream {
        name: "cam7",
        session_key: None,
    });
    for (path, target) in [("/door/whep", None), ("/api/v1/cameras/7/live", own)] {
        let path = format!("{path}?max_bitrate=500000&variant=only:sub");
        let request = HttpRequest {
            target,
            ..request("POST", &path, &[SDP_TYPE], b"v=0")
        };
        let Action::Offer(posted) = call(request).action else {
            panic!("not an offer");
        };
        let expected = AskedLimits {
            max_bitrate: Some(500_000),
            variant: Some("sub".to_owned()),
            only: true,
        };
        assert_eq!(posted.limits, expected);
        assert!(!posted.location_prefix.contains('?'));
    }
}

#[test]
fn a_session_is_described_to_who_accepts_json() {
    for (accept, described) in [
        ("application/json", true),
        ("text/html, Application/JSON; q=0.5", true),
        ("*/*", false),
        ("application/*", false),
        ("application/sdp", false),
    ] {
        let headers = [("Accept", accept)];
        let call = call(request("GET", "/door/whep/key", &headers, b""));
        assert_eq!(call.operation(), Operation::Update);
        let is = matches!(&call.action, Action::DescribeSession { key } if key == "key");
        assert_eq!(is, described, "{accept}");
    }
    let headers = [("Accept", "application/json")];
    let call = call(request("GET", "/door/whep/key", &headers, b""));
    let answer = call.response(Ok(Outcome::Described("{}".to_owned())));
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    assert_eq!(header(&answer, "Content-Type"), Some("application/json"));
    assert_eq!(header(&answer, "Cache-Control"), Some("no-store"));
    assert_eq!(header(&answer, "Access-Control-Allow-Origin"), Some("*"));
}

#[test]
fn events_are_asked_for_heard_and_ended() {
    let (events, stream) = ("/door/whep/key/events", "/door/whep/key/events/stream");
    let json = [JSON_TYPE];
    for headers in [&json[..], &[]] {
        let call = call(request("POST", events, headers, b"[]"));
        assert_eq!(call.operation(), Operation::Update);
        assert_eq!(call.session_key(), Some("key"));
        let Action::AskForEvents { location, body, .. } = &call.action else {
            panic!("not for events");
        };
        assert_eq!((location.as_str(), body.as_slice()), (stream, &b"[]"[..]));
        let location = location.clone();
        let answer = call.response(Ok(Outcome::Created { location }));
        assert_eq!(answer.status, 201);
        assert_eq!(header(&answer, "Location"), Some(stream));
    }
    for (method, ends) in [("GET", false), ("DELETE", true)] {
        let call = call(request(method, stream, &[], b""));
        assert_eq!(call.operation(), Operation::Update);
        assert_eq!(matches!(call.action, Action::EndEvents { .. }), ends);
    }
    for (method, path, headers, status) in [
        ("GET", events, &[][..], 405),
        ("POST", events, &[SDP_TYPE], 415),
        ("POST", stream, &json, 405),
        ("PATCH", stream, &[FRAGMENT_TYPE], 405),
    ] {
        let answer = at_once(request(method, path, headers, b""));
        assert_eq!(answer.status, status, "{method} {path}");
        check_problem(&answer);
    }
    // A host's web server takes whole responses.
    let own = Origins::default();
    for path in [events, stream] {
        let Step::Respond(answer) =
            super::read(&request("GET", path, &[], b""), &own, Server::Host)
        else {
            panic!("{path} was taken");
        };
        assert_eq!(answer.status, 404);
    }
}

#[test]
fn a_host_names_the_stream_and_the_session_itself() {
    let mounted = |method, key, headers, body| HttpRequest {
        target: Some(HttpTarget::Stream {
            name: "cam7",
            session_key: key,
        }),
        authorized: true,
        label: Some("ann"),
        user_data: 5,
        ..request(method, "/api/v1/cameras/7/live", headers, body)
    };
    let posted = call(mounted("POST", None, &[SDP_TYPE], b"v=0"));
    assert!(posted.authorized);
    let Action::Offer(offer) = &posted.action else {
        panic!("not an offer");
    };
    assert_eq!(posted.stream.as_deref(), Some("cam7"));
    assert_eq!(offer.location_prefix, "/api/v1/cameras/7/live/");
    assert_eq!((offer.label.as_deref(), offer.user_data), (Some("ann"), 5));
    let relative = HttpRequest {
        location_prefix: Some("live/"),
        ..mounted("POST", None, &[SDP_TYPE], b"v=0")
    };
    let Action::Offer(offer) = call(relative).action else {
        panic!("not an offer");
    };
    assert_eq!(offer.location_prefix, "live/");

    // A reverse proxy has cut off the front of the path.
    for (cut, prefix) in [
        ("/gateway", "/gateway/api/v1/cameras/7/live/"),
        ("a/b/", "/a/b/api/v1/cameras/7/live/"),
        (
            "//elsewhere.example",
            "/elsewhere.example/api/v1/cameras/7/live/",
        ),
        (
            "/x\r\nSet-Cookie: a",
            "/x%0D%0ASet-Cookie:%20a/api/v1/cameras/7/live/",
        ),
        ("/", "/api/v1/cameras/7/live/"),
    ] {
        let headers = [SDP_TYPE, ("X-Forwarded-Prefix", cut)];
        let posted = HttpRequest {
            headers: &headers,
            location_prefix: None,
            ..request("POST", "/api/v1/cameras/7/live", &[], b"v=0")
        };
        let Action::Offer(offer) = call(HttpRequest {
            target: Some(HttpTarget::Stream {
                name: "cam7",
                session_key: None,
            }),
            ..posted
        })
        .action
        else {
            panic!("not an offer");
        };
        assert_eq!(offer.location_prefix, prefix);
    }

    let deleted = call(mounted("DELETE", Some("k1"), &[], b""));
    assert_eq!(deleted.stream.as_deref(), Some("cam7"));
    assert!(matches!(deleted.action, Action::Delete { key } if key == "k1"));
    // The methods are those of the target, not of the path.
    let refused = at_once(mounted("POST", Some("k1"), &[SDP_TYPE], b"v=0"));
    assert_eq!(refused.status, 405);
    let preflight = at_once(mounted("OPTIONS", None, &[], b""));
    assert_eq!(header(&preflight, "Allow"), Some(ENDPOINT_METHODS));
}

#[test]
fn a_patch_is_read_with_and_without_its_precondition() {
    for (headers, expected) in [
        (&[FRAGMENT_TYPE][..], None),
        (
            &[FRAGMENT_TYPE, ("if-match", "\"tag\"")][..],
            Some("\"tag\""),
        ),
        (&[FRAGMENT_TYPE, ("If-Match", " * ")][..], Some("*")),
    ] {
        let call = call(request("PATCH", "/door/whep/key", headers, b"a=x"));
        assert_eq!(call.operation(), Operation::Update);
        let Action::Patch {
            key,
            if_match,
            fragment,
        } = call.action
        else {
            panic!("not a PATCH");
        };
        assert_eq!((key.as_str(), if_match.as_deref()), ("key", expected));
        assert_eq!(fragment, b"a=x");
    }
}

#[test]
fn an_answer_is_a_patch_with_an_sdp() {
    let call = call(request("PATCH", "/door/whep/key", &[SDP_TYPE], b"v=0"));
    assert_eq!(call.operation(), Operation::Update);
    assert_eq!(call.session_key(), Some("key"));
    assert!(matches!(call.action, Action::Answer { sdp, .. } if sdp == b"v=0"));
}

#[test]
fn other_methods_become_their_operations() {
    for (method, path, operation) in [
        ("GET", "/door/whep", Operation::Watch),
        ("HEAD", "/door/whep", Operation::Watch),
        ("GET", "/door/whep/key", Operation::Update),
        ("HEAD", "/door/whep/key", Operation::Update),
        ("DELETE", "/door/whep/key", Operation::End),
    ] {
        let call = call(request(method, path, &[], b""));
        assert_eq!(call.operation(), operation, "{method} {path}");
        assert_eq!(call.token, None);
    }
    // An entity tag does not matter to a DELETE (section 4.3.1).
    let tag = [("If-Match", "\"old\"")];
    let call = call(request("DELETE", "/door/whep/key", &tag, b""));
    assert!(matches!(call.action, Action::Delete { key } if key == "key"));
}

#[test]
fn a_created_session_is_answered_with_all_it_needs() {
    let call = call(request("POST", "/door/whep", &[SDP_TYPE], b"v=0"));
    let created = Response::created(
        "v=0\r\n".to_owned(),
        Some("/door/whep/k1".to_owned()),
        SessionId(7),
        "k1".to_owned(),
        "\"e1\"".to_owned(),
    );
    let answer = call.response(Ok(Outcome::Response(created)));
    assert_eq!((answer.status, answer.body.as_str()), (201, "v=0\r\n"));
    for (name, value) in [
        ("Content-Type", SDP),
        ("Location", "/door/whep/k1"),
        ("ETag", "\"e1\""),
        ("Accept-Patch", FRAGMENT),
        ("Access-Control-Allow-Origin", "*"),
        ("Link", &events::link("/door/whep/k1/events")),
    ] {
        assert_eq!(header(&answer, name), Some(value));
    }
    let exposed = header(&answer, "Access-Control-Expose-Headers").unwrap();
    for name in ["ETag", "Link", "Location", "Retry-After"] {
        assert!(exposed.split(", ").any(|exposed| exposed == name), "{name}");
    }
    assert_eq!(answer.session, Some(SessionId(7)));
    assert_eq!(answer.session_key.as_deref(), Some("k1"));
    assert_eq!(answer.etag.as_deref(), Some("\"e1\""));
}

#[test]
fn successes_without_a_body() {
    for (method, path, outcome) in [
        ("DELETE", "/door/whep/key", Outcome::Deleted),
        ("GET", "/door/whep", Outcome::Found),
        ("GET", "/door/whep/key", Outcome::Found),
        ("HEAD", "/door/whep", Outcome::Found),
    ] {
        let answer = call(request(method, path, &[], b"")).response(Ok(outcome));
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{method}");
        assert_eq!(header(&answer, "Access-Control-Allow-Origin"), Some("*"));
    }
}

#[test]
fn failures_become_their_http_status() {
    for (status, expected, retry) in [
        (Status::NotFound, 404, None),
        (Status::Sdp, 400, None),
        (Status::Fingerprint, 400, None),
        (Status::IceCredentials, 400, None),
        (Status::InvalidArgument, 400, None),
        (Status::TooLarge, 413, None),
        (Status::Codec, 406, None),
        (Status::NotReady, 409, Some("2")),
        (Status::Etag, 412, None),
        (Status::PreconditionRequired, 428, None),
        (Status::Unprocessable, 422, None),
        (Status::Limit, 503, Some("5")),
        (Status::ShuttingDown, 503, Some("1")),
        (Status::Timeout, 504, None),
        (Status::Panic, 500, None),
    ] {
        let call = call(request("POST", "/door/whep", &[SDP_TYPE], b"v=0"));
        let error = Error::new(status, "stream \"door\" says \\ no");
        let answer = call.response(Err(error.clone()));
        assert_eq!(answer.status, expected, "{status:?}");
        assert_eq!(header(&answer, "Retry-After"), retry, "{status:?}");
        check_problem(&answer);
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["detail"], error.message());
        assert_eq!((answer.session, answer.etag), (None, None));
    }
}

#[test]
fn who_may_not_is_told_whether_a_token_would_help() {
    let without = call(request("POST", "/door/whep", &[SDP_TYPE], b"v=0")).refused();
    assert_eq!(without.status, 401);
    assert_eq!(header(&without, "WWW-Authenticate"), Some("Bearer"));
    check_problem(&without);
    let headers = [SDP_TYPE, ("Authorization", "Bearer wrong")];
    let with = call(request("POST", "/door/whep", &headers, b"v=0")).refused();
    assert_eq!(with.status, 403);
    check_problem(&with);
    assert!(!with.body.contains("wrong"));
}

#[test]
fn head_has_no_body_whatever_comes() {
    let not_there = at_once(request("HEAD", "/nowhere", &[], b""));
    assert_eq!((not_there.status, not_there.body.as_str()), (404, ""));
    let call = call(request("HEAD", "/door/whep", &[], b""));
    let error = Error::new(Status::NotFound, "no stream");
    assert_eq!(call.response(Err(error)).body, "");
    assert_eq!(call.refused().body, "");
}

#[test]
fn a_page_of_another_origin_is_refused_unless_it_is_named() {
    let origins = Origins::new(&["https://wall.example".to_owned()]).unwrap();
    for (origin, named) in [
        ("https://wall.example", true),
        ("https://evil.example", false),
    ] {
        for (method, path, allowed) in [
            ("OPTIONS", "/door/whep", 200),
            ("POST", "/door/whep", 415),
            ("PUT", "/door/whep", 405),
            ("GET", "/elsewhere", 404),
        ] {
            let headers = [("Host", "gateway"), ("Origin", origin)];
            let Step::Respond(answer) = super::read(
                &request(method, path, &headers, b""),
                &origins,
                Server::Host,
            ) else {
                panic!("{method} was taken");
            };
            assert_eq!(answer.status, if named { allowed } else { 403 });
            let shared = header(&answer, "Access-Control-Allow-Origin");
            assert_eq!(shared, named.then_some(origin), "{method}");
            assert_eq!(header(&answer, "Vary"), Some("Origin"));
        }
        let headers = [("Origin", origin)];
        let step = super::read(
            &request("GET", "/door/whep", &headers, b""),
            &origins,
            Server::Host,
        );
        assert_eq!(matches!(step, Step::Call(_)), named);
    }
}

const SENTENCE: &str = "this token does not allow the request";

fn refused(names: &[&str]) -> HashMap<String, Refusal> {
    let refused = names.iter().map(|name| ((*name).to_owned(), refusal(true)));
    refused.collect()
}

#[test]
fn walls_are_posted_changed_and_ended() {
    let posted = call(request(
        "POST",
        "/live/wall?slots=door,,yard&sound=door&max_bitrate=none",
        &[SDP_TYPE],
        b"v=0",
    ));
    assert_eq!(
        (posted.stream.as_deref(), posted.session_key()),
        (None, None)
    );
    assert_eq!(posted.operation(), Operation::Watch);
    let asked = posted.named_slots().unwrap();
    assert_eq!(asked.names().collect::<Vec<_>>(), ["door", "yard"]);
    let Action::Offer(offer) = &posted.action else {
        panic!()
    };
    assert_eq!(offer.location_prefix, "/live/wall/");
    assert_eq!(posted.max_body(), Some(MAX_WALL_OFFER));

    // A wall whose offer names nothing asks for permission as such.
    let empty = call(request("POST", "/wall", &[SDP_TYPE], b"v=0"));
    assert!(empty.named_slots().is_none());

    let path = "/wall/key";
    let changed = call(request("PATCH", path, &[JSON_TYPE], br#"{"slots":[]}"#));
    assert_eq!(changed.operation(), Operation::Update);
    assert_eq!(changed.max_body(), Some(MAX_MESSAGE));
    let Action::ChangeSlots { key, request: body } = &changed.action else {
        panic!()
    };
    assert_eq!(
        (key.as_str(), body.as_slice()),
        ("key", &br#"{"slots":[]}"#[..])
    );
    let answer = changed.response(Ok(Outcome::Described("{}".to_owned())));
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    let answer = changed.response(Ok(Outcome::Unreadable(400, "{}".to_owned())));
    assert_eq!(
        (answer.status, header(&answer, "Content-Type")),
        (400, Some(JSON))
    );

    for (method, types, operation) in [
        ("PATCH", &[FRAGMENT_TYPE][..], Operation::Update),
        ("DELETE", &[], Operation::End),
        ("GET", &[("Accept", "application/json")], Operation::Update),
        ("HEAD", &[], Operation::Update),
    ] {
        let call = call(request(method, path, types, b""));
        let asked = (call.stream.as_deref(), call.session_key(), call.operation());
        assert_eq!(asked, (None, Some("key"), operation), "{method}");
    }
}

#[test]
fn what_of_walls_is_refused_at_once() {
    let big = vec![b'v'; MAX_WALL_OFFER + 1];
    let long = vec![b' '; MAX_MESSAGE + 1];
    for (method, path, headers, body, status) in [
        ("POST", "/wall", &[JSON_TYPE][..], &b"v=0"[..], 415),
        ("POST", "/wall", &[SDP_TYPE], &big, 413),
        ("POST", "/wall?slots=a&slots=b", &[SDP_TYPE], b"v=0", 400),
        ("PATCH", "/wall", &[JSON_TYPE], b"{}", 405),
        ("PATCH", "/wall/key", &[JSON_TYPE], &long, 413),
        (
            "PATCH",
            "/wall/key",
            &[("Content-Type", "text/plain")],
            b"{}",
            415,
        ),
        ("POST", "/wall/key", &[SDP_TYPE], b"v=0", 405),
        ("POST", "/wall/key/events", &[], b"", 404),
        // A stream has no slots.
        ("PATCH", "/door/whep/key", &[JSON_TYPE], b"{}", 415),
    ] {
        let answer = at_once(request(method, path, headers, body));
        assert_eq!(answer.status, status, "{method} {path}");
        check_problem(&answer);
    }
    let options = at_once(request("OPTIONS", "/wall/key", &[], b""));
    assert_eq!(header(&options, "Accept-Patch"), Some(WALL_PATCHES));
    assert_eq!(header(&options, "Allow"), Some(SESSION_METHODS));
    let answer = at_once(request("PATCH", "/wall/key", &[], b"{}"));
    assert_eq!(header(&answer, "Accept-Patch"), Some(WALL_PATCHES));
}

#[test]
fn a_wall_is_opened_for_who_may_see_any_of_it() {
    let posted = || call(request("POST", "/wall?slots=a,b", &[SDP_TYPE], b"v=0"));
    let mut some = posted();
    some.refuse_slots(refused(&["b"])).unwrap();
    assert_eq!(some.named_slots().unwrap().refused, refused(&["b"]));
    let answer = posted().refuse_slots(refused(&["a", "b"])).unwrap_err();
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains(SENTENCE), "{}", answer.body);
    check_problem(&answer);
}
