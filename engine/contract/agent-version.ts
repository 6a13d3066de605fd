/** Of the agent that this build makes and rolls out. */
export const AGENT_VERSION = "0.1.0";
