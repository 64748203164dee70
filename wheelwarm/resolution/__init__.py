"""From a RequirementSet and a target to a Resolution: by pip, by uv, or by what is known without asking anybody."""
