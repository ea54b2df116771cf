"""What the numbers of the findings mean, in words: the definitions that results.json and the reports state."""

from collections.abc import Mapping

DEFINITIONS: Mapping[str, str] = {
    "auc": "area under the ROC curve: how often a generated clip scores above a real one, ties counting half; "
    "0.5 is chance",
    "auc_if_picked": "the AUC with an interval wide enough for having picked the best of all detectors (Bonferroni)",
    "auc_best_case": "the AUC if every abstention had been right",
    "auc_worst_case": "the AUC if every abstention had been wrong",
    "average_precision": "area under the precision-recall curve, as a sum over its steps, at the data's own share of "
    "generated clips",
    "average_precision_at_prevalence": "the same, with the classes weighed to the stated share of generated videos",
    "equal_error_rate": "where the misses equal the false alarms, by a straight line between the two nearest points of "
    "the ROC's steps; constant scores give 0.5. Other programs define it otherwise: compare only like with like",
    "tpr_at_fpr_X": "the share of generated clips caught by the threshold, chosen on the same clips, that falsely "
    "accuses at most X of the real ones; not resolvable under 3 real clips / X",
    "partial_auc_0.1": "the AUC up to a false-alarm rate of 0.1, standardised after McClish: 0.5 is chance",
    "log_loss": "mean of -log of the probability given to the truth, in nats, probabilities held off 0 and 1",
    "brier": "mean squared distance between the probability and the truth: 0.25 is a constant 0.5",
    "expected_calibration_error": "how far the probability lies from the share of generated clips, on average over "
    "bins of equal size",
    "threshold": "the score above which a clip is called synthetic: for every clip the one that gives the highest "
    "balanced accuracy on the clean clips of the other folds, and never chosen anew for perturbed ones",
    "balanced_accuracy": "the mean of the shares of generated and of real clips that are called rightly at the frozen "
    "threshold",
    "tpr_at_threshold": "the share of generated clips caught at the frozen threshold",
    "fpr_at_threshold": "the share of real clips falsely accused at the frozen threshold",
    "weighted_precision": "true alarms / (true alarms + 100 x false alarms) at the frozen threshold, as DFDC has it",
    "expected_cost": "the mean cost of a mistake at the stated prevalence and costs, at the frozen threshold",
    "score_delta_fake": "how far a perturbation moves the mean score of the generated clips",
    "score_delta_real": "how far a perturbation moves the mean score of the real clips",
    "apcer": "attack presentation classification error rate: the share of a generator's clips taken for real",
    "bpcer": "bona fide presentation classification error rate: the share of real clips taken for generated",
    "apnrr": "attack presentation non-response rate: the share of a generator's clips without an answer",
    "bpnrr": "bona fide presentation non-response rate: the share of real clips without an answer",
    "interval": "95 %, by drawing whole clusters (one person, source or near duplicate) anew with replacement; rates "
    "and AUC at the effective number of clips that the draws show (Clopper-Pearson), reaching further near 0 and 1 for "
    "kinds of people that no cluster shows. Under perturbations from at most 1,000 draws, of single generators 300",
    "rho": "Spearman's rank correlation over generated clips; over all generators of the ranks within each",
}
