use super::*;

#[test]
fn every_plan_reads_back() {
    for info in &METHODS {
        let method: Method = info.name.parse().unwrap();
        assert_eq!(method.name(), info.name);
        assert_eq!(method.to_string().parse::<Method>().unwrap(), method);
    }
    for text in [
        "repeat-factor:threshold=0.01,curve=linear,rounding=ceil",
        "inverse-frequency:combine=sum,unlabelled=0.5,draws=100",
        "stratified-split:train=0.75,test=0.25,order=2",
    ] {
        assert_eq!(text.parse::<Method>().unwrap().to_string(), text);
    }
    let shares: Method = "stratified-split:train=80,validation=10,test=10".parse().unwrap();
    assert_eq!(shares.folds(), ["train", "validation", "test"]);
    assert_eq!(shares.to_string(), "stratified-split:train=0.8,validation=0.1,test=0.1,order=1");
    for text in ["train=0.7,val=0.2,test=0.1", "train=70,val=20,test=10"] {
        let shares: Method = format!("stratified-split:{text}").parse().unwrap();
        assert_eq!(shares.to_string(), "stratified-split:train=0.7,val=0.2,test=0.1,order=1");
    }
    for folds in 2..40 {
        let even: Method = format!("stratified-split:folds={folds}").parse().unwrap();
        assert_eq!(even.to_string().parse::<Method>().unwrap(), even);
    }
    let thirds: Method = "stratified-split:a=0.333,b=0.333,c=0.333".parse().unwrap();
    assert_eq!(thirds.to_string().matches("=0.33333").count(), 3);
    assert_eq!("stratified-split".parse::<Method>().unwrap().folds().len(), 5);
}

#[test]
fn shares_that_do_not_add_up_are_refused_with_those_that_do() {
    for (given, sum, folds) in [
        ("train=0.8,test=0.1", "0.9", 2),
        ("train=8,validation=1,test=1", "10", 3),
        ("order=2,a=80,b=10", "90", 2),
    ] {
        let error = format!("stratified-split:{given}").parse::<Method>().unwrap_err();
        assert!(error.to_string().ends_with(&format!("add up to {sum}, not to 1 or 100")), "{error}");
        let hint = error.remedy().unwrap_or_default();
        let (_, plan) = hint.split_once("--plan ").unwrap();
        let shares = plan.parse::<Method>().unwrap();
        assert_eq!(shares.folds().len(), folds, "{plan}");
        assert_eq!(plan.contains("order=2"), given.contains("order=2"), "{plan}");
    }
}

#[test]
fn a_wrong_plan_says_what_is_wrong() {
    let says = |text: &str| text.parse::<Method>().unwrap_err().to_string();
    assert_eq!(says("ml-rsu"), "unknown plan \"ml-rsu\"");
    assert_eq!(says("ml-ros:p=5"), "--plan ml-ros:p=5: unknown parameter \"p\"");
    assert_eq!(says("lp-rus:percent=101"), "--plan lp-rus:percent=101: percent=101 is outside 0 … 100");
    assert_eq!(says("ml-ros:percent"), "--plan ml-ros:percent: \"percent\" is not key=value");
    assert_eq!(says("remedial:one_sided=no"), "--plan remedial:one_sided=no: one_sided=no is not a choice");
    assert!(says("stratified-split:folds=1").contains("folds=1 is not a whole number from 2 to 1000"));
    assert!(says("stratified-split:train=1").contains("at least two folds"));
    for (plan, is_number) in [("k=5", true), ("fold=3", true), ("train=80", false), ("train=0.8", false)] {
        let error = format!("stratified-split:{plan}").parse::<Method>().unwrap_err();
        let hint = error.remedy().unwrap_or_default();
        assert_eq!(hint.contains("--plan stratified-split:folds="), is_number, "{plan}: {hint}");
    }
    let rule = "is not a name of a fold, which has letters from a to z, digits, _ and -";
    assert!(says("stratified-split:../x=1,b=2").contains(rule));
    assert!(says("stratified-split:обуч=0.5,b=0.5").contains(rule));
    assert!(says("repeat-factor:threshold=0").ends_with("threshold=0 is not above 0 and at most 1"));
    assert!(says("class-uniform:unlabelled=x").contains("unlabelled=x is not a number"));
}
