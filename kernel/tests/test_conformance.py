"""Jupyter's own test suite, every attribute filled in: none of its tests is skipped."""

import unittest

import jupyter_kernel_test
from jupyter_client.manager import start_new_kernel


class TestKernel(jupyter_kernel_test.KernelTests):
    kernel_name = "cutpoint"
    language_name = "rust"
    file_extension = ".rs"
    code_hello_world = 'println!("hello, world");'
    code_stderr = 'eprintln!("to the other stream");'
    completion_samples = [{"text": "Para", "matches": ["Params"]}, {"text": "zzz_no_such_name", "matches": []}]
    complete_code_samples = ["1 + 1", "let a = 5;", "fn f() -> i32 { 3 }", "for i in 0..3 {\n}\n"]
    incomplete_code_samples = ["fn f() {", "let a =", 'println!("', "if true {\n    1"]
    invalid_code_samples = ["let = 3;", "fn f() }", "let a = 1);"]
    code_page_something = "?CustomCnn"
    code_generate_error = "undefined_name"
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": "String::from(\"text\")", "result": '"text"'},
        {"code": "Some(1)", "result": "Some(1)"},
    ]
    code_display_data = [
        {"code": 'cutpoint::notebook::display::show(&[("text/html", "<b>bold</b>")]);', "mime": "text/html"},
        {"code": 'cutpoint::notebook::display::show(&[("image/svg+xml", "<svg/>")]);', "mime": "image/svg+xml"},
    ]
    code_history_pattern = "6 ?*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "CustomCnn"
    code_clear_output = "cutpoint::notebook::display::clear(false);"

    @classmethod
    def setUpClass(cls):
        cls.km, cls.kc = start_new_kernel(kernel_name=cls.kernel_name)
        # The suite gives each cell 15 seconds; the first one also waits for the kernel to get ready.
        cls.kc.execute_interactive("let warm = String::new();", timeout=120, output_hook=lambda message: None)


class TestWelcome(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "cutpoint"
    support_iopub_welcome = True


if __name__ == "__main__":
    unittest.main()
