"""Checks every published number against what the networks really have, and every number of the lectures."""

from heirloom.auditing.disagreements import Contradiction as Contradiction
from heirloom.auditing.disagreements import contradictions as contradictions
from heirloom.auditing.lectures import Finding as Finding
from heirloom.auditing.lectures import LectureAudit as LectureAudit
from heirloom.auditing.lectures import audit_lectures as audit_lectures
from heirloom.auditing.networks import Verdict as Verdict
from heirloom.auditing.networks import audit as audit
from heirloom.auditing.networks import verdict as verdict
from heirloom.auditing.own_tables import Checked as Checked
from heirloom.auditing.own_tables import audit_table as audit_table
