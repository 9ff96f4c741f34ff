//! Requests: what routing needs is found in every one of them.

use standin_wire::read_request;

use crate::all;

#[test]
fn every_recorded_request_has_a_head() {
    for case in all() {
        let Some(request) = &case.request else { continue };
        let head = read_request(case.dialect, case.operation(), request);
        // A cloud that names the model in its own path: what we serve has it in the body.
        if case.path.as_deref().is_some_and(|path| path.ends_with("awPredict")) {
            assert_eq!(head.unwrap_err().param, Some("model"), "{}", case.name);
            continue;
        }
        let head = head.unwrap_or_else(|bad| panic!("{} {}: {bad:?}", case.dialect, case.name));
        let body: serde_json::Value = serde_json::from_slice(request).unwrap();
        assert_eq!(head.model.as_deref(), body["model"].as_str(), "{}", case.name);
        assert_eq!(head.is_streaming, body["stream"] == true, "{}", case.name);
    }
}
