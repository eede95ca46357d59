"""Which class the SCP-ECG statements of a PTB-XL record belong to.

PTB-XL: Wagner et al., Scientific Data 2020;7:154. A statement comes with a likelihood in percent; 0 means
that none was given, as for most rhythms. `infarction_stadium1` is the stage of the first infarction.
"""

# Of 15, 35, 50, 80 and 100. Normal: what a reader was sure or nearly sure of. Infarction: at least as likely as not.
NORMAL_LIKELIHOOD = 80.0
MI_LIKELIHOOD = 50.0

INFARCTION = frozenset(("AMI", "ASMI", "ALMI", "LMI", "ILMI", "IMI", "IPLMI", "IPMI", "PMI"))
# The stages are those of German textbooks: I is ST elevation; II, days to weeks later, falling ST and inverting
# T, still the present infarction; II-III and III lead to the scar. "unknown" and none say neither acute nor old.
STAGES = {
    "Stadium I": "myocardial_infarction",
    "Stadium I-II": "myocardial_infarction",
    "Stadium II": "myocardial_infarction",
    "Stadium II-III": "history_of_mi",
    "Stadium III": "history_of_mi",
}
ANY_INFARCTION = "history_of_mi|myocardial_infarction"
"""The label of an infarction of unknown stage: a set of two classes, one of which is true."""
RHYTHM = frozenset(("AFIB", "AFLT", "PVC", "BIGU", "TRIGU", "PAC", "STACH", "SBRAD", "SVTAC", "PSVT", "SVARR", "PACE"))
CONDUCTION = frozenset(("1AVB", "2AVB", "3AVB", "CLBBB", "CRBBB", "WPW"))
# What may stand beside NORM: sinus rhythm, and the arrhythmia of breathing, which is healthy.
HARMLESS = frozenset(("NORM", "SR", "SARRH"))


def classify(codes: dict[str, float], stage: str) -> str | None:
    """Return the label of a record, or None where it fits none of the four classes.

    An infarction goes before a rhythm: with one, the stage alone decides; where it is not known, the label is
    `ANY_INFARCTION`. A record with an infarction too doubtful to count is in no class, and so is one that is
    neither normal nor abnormal in rhythm or conduction.
    """
    infarctions = [likelihood for code, likelihood in codes.items() if code in INFARCTION]
    if infarctions:
        return STAGES.get(stage.strip(), ANY_INFARCTION) if max(infarctions) >= MI_LIKELIHOOD else None
    if (RHYTHM | CONDUCTION) & codes.keys():
        return "abnormal_heartbeat"
    if codes.get("NORM", -1.0) >= NORMAL_LIKELIHOOD and codes.keys() <= HARMLESS:
        return "normal"
    return None
