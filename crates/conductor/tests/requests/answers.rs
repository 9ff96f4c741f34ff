//! Scenarios 1 to 27: from the bytes of an upstream's answer to who serves, what is suspended and what the caller reads.
//!
//! Credential `a` answers as told and `b` would serve: `a b 200 | a/m1 model_unsupported` means that both were called
//! in that order, that the caller got a 200, and what is out afterwards.

use standin_classify::{Classifier, OperatorRule};
use standin_core::ErrorClass;
use standin_policy::Params;

use crate::stage::{Act, SERVED, Stage, text};

const NOT_SUPPORTED: &str =
    r#"{"error":{"message":"The requested model is not supported.","type":"invalid_request_error"}}"#;
const PAGE: &str = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body><script src=\"/cdn-cgi/challenge-platform/x.js\"></script>cf-ray</body></html>";
const ORIGIN: &str = "<!DOCTYPE html><html><head><title>up.example | 521: Web server is down</title></head><body>Cloudflare <span>Ray ID: 1</span></body></html>";

async fn outcome(stage: &Stage) -> String {
    let answer = stage.ask().await;
    let calls = ["a", "b"].into_iter().zip(stage.calls()).flat_map(|(name, count)| vec![name; count]);
    let calls = calls.map(|name| format!("{name} ")).collect::<String>();
    let out = stage.conductor.suspensions();
    let out: Vec<_> = out.iter().map(|shown| format!("{} {}", shown.key, shown.suspension.class)).collect();
    format!("{calls}{} | {}", answer.status.as_u16(), out.join(", "))
}

#[track_caller]
fn check(family: &str, status: u16, body: &'static str, expected: &str) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let told = runtime.block_on(async {
        let scripts = vec![vec![Act::Reply(status, body)], vec![Act::Reply(200, SERVED)]];
        outcome(&Stage::of_family(Some(family), scripts, Params::default())).await
    });
    assert_eq!(told, expected, "{family} {status} {body}");
}

#[test]
fn s002_a_model_that_is_not_supported_is_served_by_the_other_and_suspended_there() {
    for status in [400, 422] {
        check("openai", status, NOT_SUPPORTED, "a b 200 | a/m1 model_unsupported");
    }
}

#[test]
fn s003_case_nesting_and_codes_make_no_difference() {
    for body in [
        r#"{"error":{"message":"THE REQUESTED MODEL IS NOT SUPPORTED"}}"#,
        r#"{"detail":{"error":{"message":"upstream said: {\"error\":{\"message\":\"The requested model is not supported.\"}}"}}}"#,
        r#"{"error":{"message":"no","code":"model_not_supported"}}"#,
    ] {
        check("", 400, body, "a b 200 | a/m1 model_unsupported");
    }
}

#[test]
fn s004_a_404_that_names_the_code_is_about_the_model_and_not_the_callers_fault() {
    let body = r#"{"error":{"message":"The model `m1` does not exist","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#;
    check("openai", 404, body, "a b 200 | a/m1 model_unsupported");
}

#[test]
fn s005_a_project_without_access_to_the_model_is_about_the_model() {
    let body = r#"{"error":{"message":"Project `proj_x` does not have access to model `m1`","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#;
    check("openai", 403, body, "a b 200 | a/m1 model_unsupported");
}

#[test]
fn s006_a_401_of_the_callers_type_is_the_credentials_failure() {
    let body = r#"{"error":{"message":"Incorrect API key provided: sk-x.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;
    check("openai", 401, body, "a b 200 | a auth_failed");
}

#[test]
fn s007_a_400_that_rejects_the_key_is_the_credentials_failure() {
    for body in [
        r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}"#,
        r#"{"error":{"code":400,"message":"API key expired. Please renew the API key.","status":"INVALID_ARGUMENT"}}"#,
    ] {
        check("gemini", 400, body, "a b 200 | a auth_failed");
    }
}

#[test]
fn s008_a_location_that_is_not_served_is_about_the_credential_and_not_the_end() {
    let body = r#"{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}"#;
    check("gemini", 400, body, "a b 200 | a permission");
}

#[test]
fn s009_an_unpaid_account_is_billing_whatever_its_status() {
    for body in [
        r#"{"error":{"message":"Access denied, please make sure your account is in good standing: overdue payment.","code":"Arrearage"}}"#,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#,
        r#"{"error":{"message":"user quota is not enough","code":"insufficient_user_quota"}}"#,
        r#"{"error":{"message":"You are out of extra usage.","type":"invalid_request_error"}}"#,
        r#"{"error":{"type":"billing_error","message":"Payment is needed."}}"#,
    ] {
        check("", 400, body, "a b 200 | a billing");
    }
}

#[test]
fn s010_a_generic_code_does_not_hide_what_the_status_says() {
    let unpaid = r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#;
    check("deepseek", 402, unpaid, "a b 200 | a billing");
    let limited = r#"{"error":{"message":"Too many requests","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#;
    check("deepseek", 429, limited, "a b 200 | a/m1 rate_limited");
}

#[test]
fn s011_a_401_with_a_generic_code_is_the_credentials_failure() {
    let body = r#"{"error":{"message":"Authentication Fails (governor)","type":"authentication_error","param":null,"code":"invalid_request_error"}}"#;
    check("deepseek", 401, body, "a b 200 | a auth_failed");
}

#[test]
fn s012_the_callers_fault_in_the_dress_of_an_outage_is_one_call_and_a_400() {
    for code in [
        r#"{"error":{"message":"too long","type":"server_error","code":"context_length_exceeded"}}"#,
        r#"{"error":{"message":"not here","type":"server_error","code":"cyber_policy"}}"#,
        r#"{"error":{"message":"too big","type":"server_error","code":"message_too_big"}}"#,
    ] {
        for status in [500, 502] {
            let expected = if code.contains("message_too_big") { "a b 200 | " } else { "a 400 | " };
            check("", status, code, expected);
        }
    }
}

#[test]
fn s013_more_than_a_minute_allows_is_too_large_and_a_limit_that_waiting_cures_is_not() {
    for status in [413, 429] {
        let body = r#"{"error":{"message":"Request too large for model `m1` on tokens per minute (TPM): Limit 6000, Requested 9000","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#;
        check("groq", status, body, "a b 200 | ");
    }
    let body = r#"{"error":{"message":"Rate limit reached on tokens per minute (TPM): Limit 6000, Used 5900, Requested 300. Please try again in 2s.","type":"tokens","code":"rate_limit_exceeded"}}"#;
    check("groq", 413, body, "a b 200 | a/m1 rate_limited");
}

#[test]
fn s014_a_status_of_unknown_is_passing_and_about_the_candidate() {
    let body = r#"{"error":{"code":500,"message":"An internal error has occurred.","status":"UNKNOWN"}}"#;
    check("gemini", 500, body, "a b 200 | a/m1 server_error");
}

#[tokio::test(start_paused = true)]
async fn s015_the_same_server_error_from_two_credentials_is_the_requests_and_cools_neither() {
    let body = r#"{"error":{"message":"tool schema node 7 is of no kind","type":"server_error"}}"#;
    let stage = Stage::new(vec![
        vec![Act::Reply(500, body)],
        vec![Act::Reply(500, body)],
        vec![Act::Reply(200, SERVED)],
    ]);
    assert_eq!(outcome(&stage).await, "a b 502 | ");
    assert_eq!(stage.calls(), [1, 1, 0]);
}

#[test]
fn s016_what_another_credential_holds_suspends_nothing_and_asks_nobody_else() {
    let body = r#"{"error":{"message":"Item with id 'rs_1' not found. Items are not persisted when `store` is set to false.","type":"invalid_request_error","param":"input","code":null}}"#;
    check("openai", 404, body, "a 404 | ");
}

#[test]
fn s017_a_route_that_is_not_there_is_out_for_minutes_and_says_nothing_about_the_model() {
    for body in
        ["404 page not found", "<html><head><title>404 Not Found</title></head><body>nginx</body></html>"]
    {
        check("", 404, body, "a b 200 | chat_completions at a endpoint_misconfigured");
    }
}

#[test]
fn s018_a_404_that_names_the_callers_or_the_upstreams_model_is_about_the_model() {
    for body in [
        r#"{"error":{"message":"model 'm' not found","type":"api_error"}}"#,
        r#"{"error":{"message":"model 'm1' not found","type":"api_error"}}"#,
    ] {
        check("", 404, body, "a b 200 | a/m1 model_unsupported");
    }
}

#[test]
fn s019_a_challenge_page_is_never_about_money_or_the_key() {
    check("", 403, PAGE, "a b 200 | a permission");
    check("", 503, PAGE, "a b 200 | a permission");
}

#[tokio::test(start_paused = true)]
async fn s020_an_origin_that_is_down_keeps_its_status_as_evidence_and_is_a_502_for_the_caller() {
    check_pages();
    for status in [520, 526] {
        let params = Params { rounds: 0, ..Params::default() };
        let stage = Stage::with_params(vec![vec![Act::Reply(status, ORIGIN)]], params);
        let answer = stage.ask().await;
        assert!([502, 503].contains(&answer.status.as_u16()), "{}", answer.status);
        assert_eq!(stage.conductor.suspensions()[0].suspension.status, status);
    }
}

fn check_pages() {
    let classifier = Classifier::builtin();
    for status in 520..=526 {
        let headers = http::HeaderMap::new();
        let seen = standin_classify::Observed {
            status,
            headers: &headers,
            body: ORIGIN.as_bytes(),
            ..standin_classify::Observed::new(std::time::UNIX_EPOCH)
        };
        assert_eq!(classifier.classify(&seen).class, ErrorClass::ServerError, "{status}");
    }
}

#[test]
fn s021_an_overloaded_provider_is_passing() {
    let body = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    check("anthropic", 529, body, "a b 200 | a/m1 overloaded");
    check("", 500, r#"{"error":{"message":"busy","code":"overloaded_error"}}"#, "a b 200 | a/m1 overloaded");
}

#[test]
fn s022_an_account_that_has_to_be_verified_is_out_as_a_whole() {
    let body = r#"{"error":{"code":403,"message":"Verify your account to continue.","status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"VALIDATION_REQUIRED"}]}}"#;
    check("gemini", 403, body, "a b 200 | a permission");
}

#[test]
fn s023_a_429_that_wants_money_is_billing_for_the_whole_credential() {
    let body = r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
    check("openai", 429, body, "a b 200 | a billing");
}

#[test]
fn s024_credits_for_a_faster_mode_are_a_capability_and_suspend_nothing() {
    let body =
        r#"{"type":"error","error":{"type":"rate_limit_error","message":"Fast mode needs usage credits."}}"#;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let told = runtime.block_on(async {
        let stage = Stage::of_family(Some("anthropic"), vec![vec![Act::Reply(429, body)]], Params::default());
        outcome(&stage).await
    });
    assert!(told.starts_with("a 4") && told.ends_with(" | "), "{told}");
}

#[test]
fn s025_words_of_a_broken_connection_do_not_outvote_a_status() {
    let limited = r#"{"error":{"message":"context canceled","type":"rate_limit_error"}}"#;
    check("", 429, limited, "a b 200 | a/m1 rate_limited");
    check("", 500, r#"{"error":{"message":"unexpected EOF"}}"#, "a b 200 | a/m1 server_error");
    check("", 401, r#"{"error":{"message":"unexpected EOF"}}"#, "a b 200 | a auth_failed");
}

#[tokio::test(start_paused = true)]
async fn s026_an_operators_rule_overrides_what_is_built_in_in_answers_and_in_streams() {
    let rule = |class, stop| OperatorRule {
        upstream: None,
        status: None,
        body_contains: vec!["not supported".to_owned()],
        body_regex: None,
        class,
        suspend: None,
        stop,
    };
    let rules = vec![rule(ErrorClass::RateLimited, false), rule(ErrorClass::Billing, true)];
    let classifier = Classifier::with_operator_rules(rules).unwrap();
    let scripts = vec![vec![Act::Reply(400, NOT_SUPPORTED)], vec![Act::Reply(200, SERVED)]];
    let stage = Stage::with(scripts, Params::default(), None, classifier.clone());
    assert_eq!(outcome(&stage).await, "a b 200 | a/m1 rate_limited", "the first rule that matches wins");

    use crate::stage::Beat;
    for beats in [
        vec![(1, Beat::Error(NOT_SUPPORTED))],
        vec![(1, Beat::Content("x")), (1, Beat::Error(NOT_SUPPORTED))],
    ] {
        let stage = Stage::with(
            vec![vec![Act::Stream(beats)]],
            Params { rounds: 0, ..Params::default() },
            None,
            classifier.clone(),
        );
        let _ = text(stage.stream().await).await;
        assert_eq!(stage.conductor.suspensions()[0].suspension.class, ErrorClass::RateLimited);
    }
    let stops = Classifier::with_operator_rules(vec![rule(ErrorClass::Billing, true)]).unwrap();
    let scripts = vec![vec![Act::Reply(400, NOT_SUPPORTED)], vec![Act::Reply(200, SERVED)]];
    let stage = Stage::with(scripts, Params::default(), None, stops);
    assert_eq!(outcome(&stage).await, "a 403 | a billing", "`stop` ends the request there");
}
