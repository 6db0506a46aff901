//! Links the program at a fixed address: a quarter of a million addresses need not be written anew at each start, which takes
//! milliseconds and copies megabytes. Libraries, heap and stack still lie where chance puts them.

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    let target = |key: &str| std::env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
