//! The example of an async executor: the core's async driver in a task, at a real CA.

use minipki_qemu::LM3S6965;
use minipki_tests::board::Scene;

#[test]
fn a_task_enrols() {
    let scene = Scene::new(LM3S6965);
    let device = scene.device("sensor").running("embassy");
    let wrong = "07".repeat(32);
    let refused = device.clone().told(&["--fingerprint", &wrong]).run();
    assert_eq!(refused.says("not enrolled: the peer refused (proof_failed)").code, Some(1));
    assert_eq!(device.run().says("enrolled until ").code, Some(0));
    let list = scene.run(&["ca", "list", "--dir", "ca"]).expect(0).stdout;
    assert!(list.contains("  sensor\n"), "{list}");
}
